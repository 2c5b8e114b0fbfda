"""DenseNet: every layer sees all earlier feature maps.

Huang et al., 2017, https://arxiv.org/abs/1608.06993. For ImageNet the DenseNet-BC of table 1; for
CIFAR the networks of sections 3 and 4, with (BC) and without bottlenecks and compression.
Initialised as the paper is: He et al., 2015, by fan-in.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.layers.conv import Conv
from jaxcnn.layers.dropout import Dropout
from jaxcnn.layers.head import head
from jaxcnn.layers.initializers import he_normal_fan_in
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.layers.remat import call_block
from jaxcnn.layers.tap import tap
from jaxcnn.models.spec import LayerOrder, ModelSpec, Stem, is_small, require_size
from jaxcnn.ops.pool import avg_pool, max_pool
from jaxcnn.xla.materialize import materialize

ModuleDef = Callable[..., Any]


class DenseLayer(nn.Module):
    """x [..., C] -> [..., growth_rate]: 3x3, after a 1x1 to four times as many if `bottleneck`.

    BatchNorm and ReLU come before each convolution, dropout after it.
    """

    growth_rate: int
    bottleneck: bool
    conv: ModuleDef
    norm: ModuleDef
    dropout: ModuleDef

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.relu(self.norm(name="norm1")(x))
        if not self.bottleneck:
            return self.dropout()(self.conv(self.growth_rate, (3, 3), padding=1, name="conv1")(x))
        x = self.dropout()(self.conv(4 * self.growth_rate, (1, 1), name="conv1")(x))
        x = nn.relu(self.norm(name="norm2")(x))
        return self.dropout()(self.conv(self.growth_rate, (3, 3), padding=1, name="conv2")(x))


class DenseBlock(nn.Module):
    """x [..., C] -> [..., C + repeats * growth_rate]: each layer's output is put beside its input.

    `layer`: makes a DenseLayer.
    """

    repeats: int
    layer: ModuleDef

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for j in range(1, self.repeats + 1):
            # Materialised for the gradient's sake: it is added up layer by layer.
            x = materialize(jnp.concatenate([x, self.layer(name=f"denselayer{j}")(x)], axis=-1))
        return x


class Transition(nn.Module):
    """x [N, H, W, C] -> [N, H/2, W/2, compression * C]: 1x1, then the mean of 2x2 pixels."""

    compression: float
    conv: ModuleDef
    norm: ModuleDef
    dropout: ModuleDef

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        features = int(self.compression * x.shape[-1])
        x = nn.relu(self.norm(name="norm")(x))
        x = self.dropout()(self.conv(features, (1, 1), name="conv")(x))
        return avg_pool(x, (2, 2), (2, 2), "VALID")


class DenseNet(nn.Module):
    """Stem to a quarter of the image, dense blocks with transitions between, mean, dense head.

    The small `stem` is that of the CIFAR networks (section 3): a convolution alone.
    `stages`: layers of each dense block. `drop_rate`: after each convolution but the first; the
    paper has 0.2 for CIFAR without augmentation, else none (section 4.2).
    """

    num_classes: int
    stages: tuple[int, ...] = (6, 12, 24, 16)
    growth_rate: int = 32
    stem: Stem = "imagenet"
    bottleneck: bool = True
    compression: float = 0.5
    drop_rate: float = 0.0
    dtype: Any = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        conv = partial(Conv, use_bias=False, kernel_init=he_normal_fan_in, dtype=self.dtype)
        norm = partial(BatchNorm, use_running_average=not train, dtype=self.dtype)
        dropout = partial(Dropout, self.drop_rate, deterministic=not train)
        layer = partial(DenseLayer, self.growth_rate, self.bottleneck, conv, norm, dropout)

        x = tap(self, "stem", self.first_maps(images, conv, norm))
        for i, repeats in enumerate(self.stages, start=1):
            # A whole block: what its layers take, kept for each, would be most of the memory.
            x = call_block(DenseBlock(repeats, layer, name=f"denseblock{i}"), x, remat=self.remat)
            if i < len(self.stages):
                x = tap(self, f"stage{i}", x)
                x = Transition(self.compression, conv, norm, dropout, name=f"transition{i}")(x)
        x = nn.relu(norm(name="norm5")(x))
        x = tap(self, f"stage{len(self.stages)}", x)  # [N, H/32, W/32, 1024] in DenseNet-121
        x = x.mean((1, 2))
        return head(self, x, self.num_classes, dtype=self.dtype)

    def first_maps(self, images: jax.Array, conv: ModuleDef, norm: ModuleDef) -> jax.Array:
        features = 2 * self.growth_rate if self.bottleneck else 16
        if is_small(self.stem):
            require_size(images, least=2 ** (len(self.stages) - 1), model="DenseNet")
            return conv(features, (3, 3), padding=1, name="conv0")(images)
        # The stem leaves a quarter of the pixels, rounded up; each transition half, rounded down.
        require_size(images, least=2 ** (len(self.stages) + 1) - 3, model="DenseNet")
        x = conv(features, (7, 7), 2, padding=3, name="conv0")(images)
        x = nn.relu(norm(name="norm0")(x))
        return max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))  # [N, H/4, W/4, features]


NAMES = (
    ("^(conv0|norm0|denseblock|transition|norm5)", r"features.\1"),
    ("^head", "classifier"),
)
# A dense block is one layer, with the transition after it, as in timm's coarse order.
LAYERS = LayerOrder("(conv|norm)0", r"(?:denseblock|transition)(\d)", closing="norm5")

_spec = partial(
    ModelSpec, paper="https://arxiv.org/abs/1608.06993", torch_names=NAMES, layers=LAYERS
)
_cifar = partial(_spec, image_size=32, num_classes=10)
_k12 = partial(DenseNet, growth_rate=12, stem="small")
_plain = partial(_k12, bottleneck=False, compression=1.0)
_k32 = partial(DenseNet, growth_rate=32)
_k48 = partial(DenseNet, growth_rate=48)

VARIANTS = {
    "densenet_40_k12": _cifar(partial(_plain, stages=(12, 12, 12)), 1_019_722, gmacs=0.2648),
    "densenet_bc_100_k12": _cifar(partial(_k12, stages=(16, 16, 16)), 769_162, gmacs=0.2879),
    "densenet121": _spec(partial(_k32, stages=(6, 12, 24, 16)), 7_978_856, gmacs=2.834),
    "densenet161": _spec(partial(_k48, stages=(6, 12, 36, 24)), 28_681_000, gmacs=7.728),
    "densenet169": _spec(partial(_k32, stages=(6, 12, 32, 32)), 14_149_480, gmacs=3.360),
    "densenet201": _spec(partial(_k32, stages=(6, 12, 48, 32)), 20_013_928, gmacs=4.291),
}
