"""ResNet: each block adds to its input what it learns.

He et al., 2016, https://arxiv.org/abs/1512.03385. For ImageNet the v1.5 form that torchvision and
timm have (a bottleneck strides in its 3x3 convolution); for CIFAR the networks of section 4.2,
with parameter-free shortcuts (option A).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.layers.conv import Conv
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.layers.tap import tap
from jaxcnn.models.spec import ModelSpec
from jaxcnn.ops.pool import max_pool

ModuleDef = Callable[..., Any]

# Fan-out, ReLU: He et al., 2015, https://arxiv.org/abs/1502.01852, equation 14.
he_normal = nn.initializers.variance_scaling(2.0, "fan_out", "normal")


class BasicBlock(nn.Module):
    """3x3, 3x3."""

    features: int
    stride: int
    conv: ModuleDef
    norm: ModuleDef
    expansion = 1

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        y = self.conv(self.features, (3, 3), self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), padding=1, name="conv2")(y)
        # Zero-init the last scale so that each block starts as the identity.
        y = self.norm(scale_init=nn.initializers.zeros, name="bn2")(y)
        return nn.relu(y + projection(self, x, y.shape))


class Bottleneck(nn.Module):
    """1x1 down, 3x3, 1x1 up to four times `features`."""

    features: int
    stride: int
    conv: ModuleDef
    norm: ModuleDef
    expansion = 4

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        y = self.conv(self.features, (1, 1), name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), self.stride, padding=1, name="conv2")(y)
        y = nn.relu(self.norm(name="bn2")(y))
        y = self.conv(self.features * self.expansion, (1, 1), name="conv3")(y)
        y = self.norm(scale_init=nn.initializers.zeros, name="bn3")(y)
        return nn.relu(y + projection(self, x, y.shape))


def projection(block: BasicBlock | Bottleneck, x: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """The shortcut: a 1x1 convolution where the shape changes, else the identity (option B)."""
    if x.shape == shape:
        return x
    x = block.conv(shape[-1], (1, 1), block.stride, name="downsample_conv")(x)
    return block.norm(name="downsample_bn")(x)


class ResNet(nn.Module):
    """Stem to a quarter of the image, four stages of blocks, mean over pixels, dense head."""

    num_classes: int
    stages: tuple[int, int, int, int] = (3, 4, 6, 3)
    block: type[BasicBlock] | type[Bottleneck] = Bottleneck
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        conv = partial(Conv, use_bias=False, kernel_init=he_normal, dtype=self.dtype)
        norm = partial(BatchNorm, use_running_average=not train, dtype=self.dtype)

        x = conv(64, (7, 7), 2, padding=3, name="conv1")(images)
        x = nn.relu(norm(name="bn1")(x))
        x = max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))  # [N, H/4, W/4, 64]
        x = tap(self, "stem", x)
        for i, repeats in enumerate(self.stages, start=1):
            for j in range(repeats):
                stride = 2 if i > 1 and j == 0 else 1
                x = self.block(64 * 2 ** (i - 1), stride, conv, norm, name=f"layer{i}_{j}")(x)
            x = tap(self, f"stage{i}", x)  # [N, H/32, W/32, 512 * expansion] after the last
        x = x.mean((1, 2))
        return nn.Dense(self.num_classes, dtype=self.dtype, name="head")(x).astype(jnp.float32)


class CifarBlock(nn.Module):
    """3x3, 3x3, and a shortcut that subsamples and pads with zero channels (option A)."""

    features: int
    stride: int
    conv: ModuleDef
    norm: ModuleDef

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        y = self.conv(self.features, (3, 3), self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        x = x[:, :: self.stride, :: self.stride]
        added = self.features - x.shape[-1]
        x = jnp.pad(x, ((0, 0), (0, 0), (0, 0), (added // 2, added - added // 2)))
        return nn.relu(y + x)


class CifarResNet(nn.Module):
    """6n + 2 layers: three stages of n blocks with 16, 32 and 64 channels, for 32x32 images."""

    num_classes: int
    blocks_per_stage: int = 3
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        conv = partial(Conv, use_bias=False, kernel_init=he_normal, dtype=self.dtype)
        norm = partial(BatchNorm, use_running_average=not train, dtype=self.dtype)

        x = conv(16, (3, 3), padding=1, name="conv1")(images)
        x = tap(self, "stem", nn.relu(norm(name="bn1")(x)))
        for i, features in enumerate((16, 32, 64), start=1):
            for j in range(self.blocks_per_stage):
                stride = 2 if i > 1 and j == 0 else 1
                x = CifarBlock(features, stride, conv, norm, name=f"layer{i}_{j}")(x)
            x = tap(self, f"stage{i}", x)
        x = x.mean((1, 2))
        return nn.Dense(self.num_classes, dtype=self.dtype, name="head")(x).astype(jnp.float32)


_spec = partial(ModelSpec, paper="https://arxiv.org/abs/1512.03385")
_cifar = partial(_spec, image_size=32, num_classes=10)
_basic = partial(ResNet, block=BasicBlock)

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
}
