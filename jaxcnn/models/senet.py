"""SENet: residual networks whose blocks weigh their channels by what the whole image says of them.

Hu et al., 2018, https://arxiv.org/abs/1709.01507. SE-ResNet and SE-ResNeXt are the networks of
resnet.py (figure 3, table 1) in timm's form: no stochastic depth or dropout. SENet-154 is the
paper's entry to ILSVRC 2017, in the form that timm has under `senet154`: its maximum pooling pads
symmetrically, where the Caffe original (timm's `legacy_senet154`) pads at the end.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.layers.conv import Conv
from jaxcnn.layers.dropout import Dropout
from jaxcnn.layers.head import head
from jaxcnn.layers.initializers import he_normal_fan_out
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.layers.remat import call_block
from jaxcnn.layers.squeeze_excite import SqueezeExcite
from jaxcnn.layers.tap import tap
from jaxcnn.models.resnet import LAYERS, Block, Bottleneck, ResNet
from jaxcnn.models.resnet import NAMES as RESNET_NAMES
from jaxcnn.models.spec import ModelSpec, Stem, is_small
from jaxcnn.ops.pool import max_pool

REDUCTION = 16  # Section 6.1.


def excite(x: jax.Array) -> jax.Array:
    reduced = x.shape[-1] // REDUCTION
    return SqueezeExcite(reduced, kernel_init=he_normal_fan_out, dtype=x.dtype, name="se")(x)


class SEBottleneck(Bottleneck):
    """The residual is excited before the shortcut is added to it (figure 3)."""

    def residual(self, x: jax.Array) -> jax.Array:
        return excite(super().residual(x))


class SENet154Bottleneck(Block):
    """A 64x4d SE bottleneck, its first 1x1 half as wide; 3x3 where the shortcut strides."""

    def residual(self, x: jax.Array) -> jax.Array:
        width = 4 * self.features  # 64 groups of 4 channels at the first stage
        x = self.conv(width // 2, (1, 1), name="conv1")(x)
        x = nn.relu(self.norm(name="bn1")(x))
        conv = partial(self.conv, feature_group_count=64)
        x = conv(width, (3, 3), self.stride, padding=1, name="conv2")(x)
        x = nn.relu(self.norm(name="bn2")(x))
        x = self.conv(4 * self.features, (1, 1), name="conv3")(x)
        return excite(self.norm(scale_init=nn.initializers.zeros, name="bn3")(x))

    def shortcut(self, x: jax.Array, shape: tuple[int, ...], kernel: int = 3) -> jax.Array:
        return super().shortcut(x, shape, kernel if self.stride > 1 else 1)


class SENet154(nn.Module):
    """Stem of three 3x3, four stages of blocks, mean over pixels, dropout, dense head."""

    num_classes: int
    stages: tuple[int, int, int, int] = (3, 8, 36, 3)
    stem: Stem = "imagenet"
    drop_rate: float = 0.2
    dtype: Any = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        conv = partial(Conv, use_bias=False, kernel_init=he_normal_fan_out, dtype=self.dtype)
        norm = partial(BatchNorm, use_running_average=not train, dtype=self.dtype)

        small = is_small(self.stem)
        x = images
        for i, features in enumerate([64, 64, 128], start=1):
            stride = 2 if i == 1 and not small else 1
            x = conv(features, (3, 3), stride, padding=1, name=f"stem_conv{i}")(x)
            x = nn.relu(norm(name=f"stem_bn{i}")(x))
        if not small:
            x = max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))  # [N, H/4, W/4, 128]
        x = tap(self, "stem", x)
        for i, repeats in enumerate(self.stages, start=1):
            for j in range(repeats):
                stride = 2 if i > 1 and j == 0 else 1
                features = 64 * 2 ** (i - 1)
                block = SENet154Bottleneck(features, stride, conv, norm, name=f"layer{i}_{j}")
                x = call_block(block, x, remat=self.remat)
            x = tap(self, f"stage{i}", x)  # [N, H/32, W/32, 2048] after the last
        x = Dropout(self.drop_rate, deterministic=not train)(x.mean((1, 2)))
        return head(self, x, self.num_classes, dtype=self.dtype)


NAMES = (
    *RESNET_NAMES,
    (r"\.se\.reduce", ".se.fc1"),
    (r"\.se\.expand", ".se.fc2"),
    # timm's stem is a sequence that counts activations too, and ends before the last BatchNorm.
    ("^stem_conv1", "conv1.0"),
    ("^stem_bn1", "conv1.1"),
    ("^stem_conv2", "conv1.3"),
    ("^stem_bn2", "conv1.4"),
    ("^stem_conv3", "conv1.6"),
    ("^stem_bn3", "bn1"),
)

_spec = partial(
    ModelSpec, paper="https://arxiv.org/abs/1709.01507", layers=LAYERS, torch_names=NAMES
)
_1x64d = partial(ResNet, block=SEBottleneck)
_32x4d = partial(ResNet, block=partial(SEBottleneck, cardinality=32, width=4))

VARIANTS = {
    "seresnet50": _spec(partial(_1x64d, stages=(3, 4, 6, 3)), 28_088_024, gmacs=4.092),
    "seresnet101": _spec(partial(_1x64d, stages=(3, 4, 23, 3)), 49_326_872, gmacs=7.806),
    "seresnet152": _spec(partial(_1x64d, stages=(3, 8, 36, 3)), 66_821_848, gmacs=11.520),
    "seresnext50_32x4d": _spec(partial(_32x4d, stages=(3, 4, 6, 3)), 27_559_896, gmacs=4.233),
    "senet154": _spec(partial(SENet154, stages=(3, 8, 36, 3)), 115_088_984, gmacs=20.688),
}
