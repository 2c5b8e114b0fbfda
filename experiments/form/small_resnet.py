"""A residual network of the CIFAR paper's plan on a quarter of its positions, and its recipe."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from experiments.form import small_cifar10
from jaxcnn.layers.conv import Conv
from jaxcnn.layers.head import head
from jaxcnn.layers.initializers import he_normal_fan_out
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.layers.tap import tap
from jaxcnn.models import register_model
from jaxcnn.recipe import Augment, Optim, Recipe, Schedule


class Block(nn.Module):
    """3x3, 3x3; what else a block does is said by the network's fields."""

    features: int
    stride: int
    skip: bool
    order: str
    shortcut: str
    conv: Callable[..., Any]
    norm: Callable[..., Any]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        first, second = (
            self.conv(self.features, (3, 3), stride, name=name)
            for name, stride in (("conv1", self.stride), ("conv2", 1))
        )
        bn1, bn2 = self.norm(name="bn1"), self.norm(name="bn2")
        if self.order == "pre":
            y = second(nn.relu(bn2(first(nn.relu(bn1(x))))))
            return y + self.short(x) if self.skip else y
        y = self.last(bn2(second(nn.relu(bn1(first(x))))))
        return nn.relu(y + self.short(x) if self.skip else y)

    def last(self, y: jax.Array) -> jax.Array:
        """What a subclass does to the residual before the sum."""
        return y

    def short(self, x: jax.Array) -> jax.Array:
        """Option A: every second position, and zeros for what channels are lacking; option B: a
        1x1 convolution where the shape changes (He et al., 2016, section 3.3)."""
        added = self.features - x.shape[-1]
        if not added and self.stride == 1:
            return x
        if self.shortcut == "B":
            x = self.conv(self.features, (1, 1), self.stride, name="downsample_conv")(x)
            return self.norm(name="downsample_bn")(x)
        x = x[:, :: self.stride, :: self.stride]
        return jnp.pad(x, ((0, 0), (0, 0), (0, 0), (added // 2, added - added // 2)))


@register_model("small_resnet", image_size=16)
class SmallResNet(nn.Module):
    """Stem that strides, three stages of `blocks_per_stage` blocks: 6n + 2 layers.

    He et al., 2016, section 4.2, https://arxiv.org/abs/1512.03385, with maps of 8, 4 and 2 pixels
    for images of 16. `skip`: without it the network is the paper's plain one. `order`: ReLU after
    the sum, or before each convolution (https://arxiv.org/abs/1603.05027).
    """

    num_classes: int
    blocks_per_stage: int = 1
    width: int = 16
    skip: bool = True
    order: Literal["post", "pre"] = "post"
    shortcut: Literal["A", "B"] = "A"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        conv = partial(Conv, use_bias=False, kernel_init=he_normal_fan_out, dtype=self.dtype)
        norm = partial(BatchNorm, use_running_average=not train, dtype=self.dtype)
        x = conv(self.width, (3, 3), 2, name="conv1")(images)
        x = tap(self, "stem", nn.relu(norm(name="bn1")(x)))
        for i, factor in enumerate((1, 2, 4), start=1):
            features = self.width * factor
            for j in range(self.blocks_per_stage):
                stride = 2 if i > 1 and j == 0 else 1
                fields = (self.skip, self.order, self.shortcut, conv, norm)
                x = self.block()(features, stride, *fields, name=f"layer{i}_{j}")(x)
            x = tap(self, f"stage{i}", x)
        if self.order == "pre":
            x = nn.relu(norm(name="norm")(x))
        return head(self, x.mean((1, 2)), self.num_classes, dtype=self.dtype)

    def block(self) -> Callable[..., Block]:
        return Block


BASE = Recipe(
    "small_resnet",
    small_cifar10.NAME,
    epochs=8,
    batch_size=128,
    image_size=small_cifar10.SIZE,
    optim=Optim("sgd", lr=0.1, weight_decay=5e-4),
    schedule=Schedule("cosine", warmup_epochs=0.5),
    augment=Augment(crop_padding=2, flip=True),
)
SETTING = f"{small_cifar10.SETTING}; a ResNet of 8 layers and 75 thousand parameters"
# What --quick trains of it.
STEM_AND_HEAD = {"blocks_per_stage": 0}
