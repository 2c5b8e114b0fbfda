"""ResNetV2: normalisation and ReLU come before each convolution, so that shortcuts stay clear.

He et al., 2016, https://arxiv.org/abs/1603.05027, in timm's form: the stem is a convolution and a
pooling alone, each first block of a stage projects its normalised input, and the network is
normalised once more before its head. Initialised as timm has it: He et al., 2015, fan-out; the
head normal with deviation 0.01; no scale starts at zero.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.layers.conv import Conv
from jaxcnn.layers.initializers import he_normal_fan_out
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.layers.remat import call_block
from jaxcnn.layers.tap import POOLED, tap
from jaxcnn.models.resnet import ModuleDef
from jaxcnn.models.spec import LayerOrder, ModelSpec, Stem, is_small
from jaxcnn.ops.pool import max_pool


class PreActivationBottleneck(nn.Module):
    """1x1 down, 3x3, 1x1 up to four times `features`, each after BatchNorm and ReLU.

    `project`: the shortcut is a 1x1 convolution of the normalised input, else the input itself.
    """

    features: int
    stride: int
    project: bool
    conv: ModuleDef
    norm: ModuleDef

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        y = nn.relu(self.norm(name="norm1")(x))
        if self.project:
            x = self.conv(4 * self.features, (1, 1), self.stride, name="downsample_conv")(y)
        y = self.conv(self.features, (1, 1), name="conv1")(y)
        y = nn.relu(self.norm(name="norm2")(y))
        y = self.conv(self.features, (3, 3), self.stride, padding=1, name="conv2")(y)
        y = nn.relu(self.norm(name="norm3")(y))
        return x + self.conv(4 * self.features, (1, 1), name="conv3")(y)


class ResNetV2(nn.Module):
    """Stem to a quarter of the image, four stages of blocks, BatchNorm, mean over pixels, head."""

    num_classes: int
    stages: tuple[int, int, int, int] = (3, 4, 6, 3)
    stem: Stem = "imagenet"
    dtype: Any = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        conv = partial(Conv, use_bias=False, kernel_init=he_normal_fan_out, dtype=self.dtype)
        norm = partial(BatchNorm, use_running_average=not train, dtype=self.dtype)

        if is_small(self.stem):
            x = conv(64, (3, 3), padding=1, name="stem_conv")(images)
        else:
            x = conv(64, (7, 7), 2, padding=3, name="stem_conv")(images)
            x = max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))  # [N, H/4, W/4, 64]
        x = tap(self, "stem", x)
        for i, repeats in enumerate(self.stages):
            for j in range(repeats):
                block = PreActivationBottleneck(
                    features=64 * 2**i,
                    stride=2 if i > 0 and j == 0 else 1,
                    project=j == 0,
                    conv=conv,
                    norm=norm,
                    name=f"stages_{i}_blocks_{j}",
                )
                x = call_block(block, x, remat=self.remat)
            x = tap(self, f"stage{i + 1}", x)  # [N, H/32, W/32, 2048] after the last
        x = tap(self, POOLED, nn.relu(norm(name="norm")(x)).mean((1, 2)))
        if self.num_classes > 0:
            # A dense head, as the 1x1 convolution that timm's checkpoints hold.
            head = partial(Conv, kernel_init=nn.initializers.normal(0.01), dtype=self.dtype)
            x = head(self.num_classes, (1, 1), name="head")(x[:, None, None])[:, 0, 0]
        return x.astype(jnp.float32)


NAMES = (
    ("^stem_conv", "stem.conv"),
    ("downsample_conv", "downsample.conv"),
    ("^head", "head.fc"),
)
_spec = partial(
    ModelSpec,
    paper="https://arxiv.org/abs/1603.05027",
    layers=LayerOrder("stem_", r"stages_(\d+)_blocks_(\d+)", closing="norm"),
    torch_names=NAMES,
)

VARIANTS = {
    "resnetv2_50": _spec(partial(ResNetV2, stages=(3, 4, 6, 3)), 25_549_352, gmacs=4.089),
}
