"""ResNet: each block adds to its input what it learns.

He et al., 2016, https://arxiv.org/abs/1512.03385. For ImageNet the v1.5 form that torchvision and
timm have (a bottleneck strides in its 3x3 convolution); for CIFAR the networks of section 4.2,
with parameter-free shortcuts (option A). Two families change the bottleneck's 3x3 alone: ResNeXt
splits it into groups (Xie et al., 2017, https://arxiv.org/abs/1611.05431), the wide ResNet widens
it (Zagoruyko and Komodakis, 2016, https://arxiv.org/abs/1605.07146).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcnn.layers.conv import Conv
from jaxcnn.layers.head import head
from jaxcnn.layers.initializers import he_normal_fan_out
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.layers.remat import call_block
from jaxcnn.layers.stochastic_depth import StochasticDepth
from jaxcnn.layers.tap import tap
from jaxcnn.models.spec import LayerOrder, ModelSpec, Stem, is_small
from jaxcnn.ops.pool import max_pool

ModuleDef = Callable[..., Any]


class Block(nn.Module):
    """ReLU of the shortcut plus the residual, which a subclass says (figure 2)."""

    features: int
    stride: int
    conv: ModuleDef
    norm: ModuleDef
    drop_path_rate: float = 0.0
    train: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        y = StochasticDepth(self.drop_path_rate)(self.residual(x), train=self.train)
        return nn.relu(y + self.shortcut(x, y.shape))

    def residual(self, x: jax.Array) -> jax.Array:
        raise NotImplementedError

    def shortcut(self, x: jax.Array, shape: tuple[int, ...], kernel: int = 1) -> jax.Array:
        """A convolution, 1x1, where the shape changes, else the identity (option B)."""
        if x.shape == shape:
            return x
        x = self.conv(
            shape[-1], (kernel, kernel), self.stride, padding=kernel // 2, name="downsample_conv"
        )(x)
        return self.norm(name="downsample_bn")(x)


class BasicBlock(Block):
    """3x3, 3x3."""

    def residual(self, x: jax.Array) -> jax.Array:
        x = self.conv(self.features, (3, 3), self.stride, padding=1, name="conv1")(x)
        x = nn.relu(self.norm(name="bn1")(x))
        x = self.conv(self.features, (3, 3), padding=1, name="conv2")(x)
        # Zero-init the last scale so that each block starts as the identity.
        return self.norm(scale_init=nn.initializers.zeros, name="bn2")(x)


class Bottleneck(Block):
    """1x1 down, 3x3, 1x1 up to four times `features`.

    At the first stage, whose `features` are 64, the 3x3 has `cardinality` groups of `width`
    channels, and at each later one twice the channels: ResNet is 1x64d, ResNeXt 32x4d.
    """

    cardinality: int = 1
    width: int = 64

    def residual(self, x: jax.Array) -> jax.Array:
        width = self.cardinality * self.width * self.features // 64
        groups = self.cardinality
        x = self.conv(width, (1, 1), name="conv1")(x)
        x = nn.relu(self.norm(name="bn1")(x))
        x = self.conv(
            width, (3, 3), self.stride, padding=1, feature_group_count=groups, name="conv2"
        )(x)
        x = nn.relu(self.norm(name="bn2")(x))
        x = self.conv(4 * self.features, (1, 1), name="conv3")(x)
        return self.norm(scale_init=nn.initializers.zeros, name="bn3")(x)


class ResNet(nn.Module):
    """Stem to a quarter of the image, four stages of blocks, mean over pixels, dense head.

    Stochastic depth grows from 0 at the first block to `drop_path_rate` at the last. The small
    `stem`, for thumbnails: Chen et al., 2020, https://arxiv.org/abs/2002.05709, appendix B.9.
    """

    num_classes: int
    stages: tuple[int, int, int, int] = (3, 4, 6, 3)
    block: Callable[..., Block] = Bottleneck
    stem: Stem = "imagenet"
    drop_path_rate: float = 0.0
    dtype: Any = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        conv = partial(Conv, use_bias=False, kernel_init=he_normal_fan_out, dtype=self.dtype)
        norm = partial(BatchNorm, use_running_average=not train, dtype=self.dtype)

        if is_small(self.stem):
            x = conv(64, (3, 3), padding=1, name="conv1")(images)
            x = nn.relu(norm(name="bn1")(x))
        else:
            x = conv(64, (7, 7), 2, padding=3, name="conv1")(images)
            x = nn.relu(norm(name="bn1")(x))
            x = max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))  # [N, H/4, W/4, 64]
        x = tap(self, "stem", x)
        drop_path_rates = iter(np.linspace(0, self.drop_path_rate, sum(self.stages)).tolist())
        for i, repeats in enumerate(self.stages, start=1):
            for j in range(repeats):
                stride = 2 if i > 1 and j == 0 else 1
                block = self.block(
                    64 * 2 ** (i - 1),
                    stride,
                    conv,
                    norm,
                    drop_path_rate=next(drop_path_rates),
                    train=train,
                    name=f"layer{i}_{j}",
                )
                x = call_block(block, x, remat=self.remat)
            x = tap(self, f"stage{i}", x)  # [N, H/32, W/32, 2048] after the last bottleneck
        x = x.mean((1, 2))
        return head(self, x, self.num_classes, dtype=self.dtype)


class CifarBlock(Block):
    """3x3, 3x3, and a shortcut that subsamples and pads with zero channels (option A)."""

    def residual(self, x: jax.Array) -> jax.Array:
        x = self.conv(self.features, (3, 3), self.stride, padding=1, name="conv1")(x)
        x = nn.relu(self.norm(name="bn1")(x))
        x = self.conv(self.features, (3, 3), padding=1, name="conv2")(x)
        return self.norm(name="bn2")(x)

    def shortcut(self, x: jax.Array, shape: tuple[int, ...], kernel: int = 1) -> jax.Array:
        x = x[:, :: self.stride, :: self.stride]
        added = shape[-1] - x.shape[-1]
        return jnp.pad(x, ((0, 0), (0, 0), (0, 0), (added // 2, added - added // 2)))


class CifarResNet(nn.Module):
    """6n + 2 layers: three stages of n blocks with 16, 32 and 64 channels, for 32x32 images."""

    num_classes: int
    blocks_per_stage: int = 3
    block: Callable[..., Block] = CifarBlock
    dtype: Any = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        conv = partial(Conv, use_bias=False, kernel_init=he_normal_fan_out, dtype=self.dtype)
        norm = partial(BatchNorm, use_running_average=not train, dtype=self.dtype)

        x = conv(16, (3, 3), padding=1, name="conv1")(images)
        x = tap(self, "stem", nn.relu(norm(name="bn1")(x)))
        for i, features in enumerate((16, 32, 64), start=1):
            for j in range(self.blocks_per_stage):
                stride = 2 if i > 1 and j == 0 else 1
                block = self.block(features, stride, conv, norm, name=f"layer{i}_{j}")
                x = call_block(block, x, remat=self.remat)
            x = tap(self, f"stage{i}", x)
        x = x.mean((1, 2))
        return head(self, x, self.num_classes, dtype=self.dtype)


NAMES = (("downsample_conv", "downsample.0"), ("downsample_bn", "downsample.1"), ("^head", "fc"))
LAYERS = LayerOrder("conv1|bn1|stem_", r"layer(\d+)_(\d+)")

_spec = partial(
    ModelSpec, paper="https://arxiv.org/abs/1512.03385", layers=LAYERS, torch_names=NAMES
)
_resnext = partial(_spec, paper="https://arxiv.org/abs/1611.05431")
_wide = partial(_spec, paper="https://arxiv.org/abs/1605.07146")
_cifar = partial(_spec, image_size=32, num_classes=10)
_basic = partial(ResNet, block=BasicBlock)
_32x4d = partial(ResNet, block=partial(Bottleneck, cardinality=32, width=4))
_32x8d = partial(ResNet, block=partial(Bottleneck, cardinality=32, width=8))
_1x128d = partial(ResNet, block=partial(Bottleneck, cardinality=1, width=128))

VARIANTS = {
    "resnet20": _cifar(partial(CifarResNet, blocks_per_stage=3), 269_722, gmacs=0.0406),
    "resnet32": _cifar(partial(CifarResNet, blocks_per_stage=5), 464_154, gmacs=0.0689),
    "resnet44": _cifar(partial(CifarResNet, blocks_per_stage=7), 658_586, gmacs=0.0972),
    "resnet56": _cifar(partial(CifarResNet, blocks_per_stage=9), 853_018, gmacs=0.1255),
    "resnet110": _cifar(partial(CifarResNet, blocks_per_stage=18), 1_727_962, gmacs=0.2529),
    "resnet18": _spec(partial(_basic, stages=(2, 2, 2, 2)), 11_689_512, gmacs=1.814),
    "resnet34": _spec(partial(_basic, stages=(3, 4, 6, 3)), 21_797_672, gmacs=3.664),
    "resnet50": _spec(partial(ResNet, stages=(3, 4, 6, 3)), 25_557_032, gmacs=4.089),
    "resnet101": _spec(partial(ResNet, stages=(3, 4, 23, 3)), 44_549_160, gmacs=7.801),
    "resnet152": _spec(partial(ResNet, stages=(3, 8, 36, 3)), 60_192_808, gmacs=11.514),
    "resnext50_32x4d": _resnext(partial(_32x4d, stages=(3, 4, 6, 3)), 25_028_904, gmacs=4.230),
    "resnext101_32x8d": _resnext(partial(_32x8d, stages=(3, 4, 23, 3)), 88_791_336, gmacs=16.414),
    "wide_resnet50_2": _wide(partial(_1x128d, stages=(3, 4, 6, 3)), 68_883_240, gmacs=11.398),
}
