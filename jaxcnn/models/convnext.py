"""ConvNeXt: a ResNet brought up to date, one choice of the vision transformers after another.

Liu et al., 2022, https://arxiv.org/abs/2201.03545; and V2, where global response normalisation
takes the place of layer scale, Woo et al., 2023, https://arxiv.org/abs/2301.00808
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcnn.layers.conv import Conv
from jaxcnn.layers.dense import Dense
from jaxcnn.layers.global_response_norm import GlobalResponseNorm
from jaxcnn.layers.head import head
from jaxcnn.layers.layer_scale import LayerScale
from jaxcnn.layers.mlp import Mlp
from jaxcnn.layers.normalize import LayerNorm
from jaxcnn.layers.remat import call_block
from jaxcnn.layers.stochastic_depth import StochasticDepth
from jaxcnn.layers.tap import tap
from jaxcnn.models.spec import LayerOrder, ModelSpec, require_size
from jaxcnn.ops.gelu import gelu

# The authors truncate at +-2, a hundred deviations away: their draws are plain normal ones.
normal = nn.initializers.normal(0.02)


class Block(nn.Module):
    """7x7 depthwise, LayerNorm, four times the channels and back, layer scale."""

    drop_path_rate: float
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        y = mix_pixels(self, x)
        y = Mlp(4 * x.shape[-1], dtype=self.dtype, name="mlp")(y, train=train)
        y = LayerScale(1e-6, name="layer_scale")(y)
        return x + StochasticDepth(self.drop_path_rate)(y, train=train)


class BlockV2(nn.Module):
    """7x7 depthwise, LayerNorm, four times the channels, global response norm, and back."""

    drop_path_rate: float
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        y = mix_pixels(self, x)
        y = ResponseNormMlp(4 * x.shape[-1], dtype=self.dtype, name="mlp")(y)
        return x + StochasticDepth(self.drop_path_rate)(y, train=train)


def mix_pixels(block: Block | BlockV2, x: jax.Array) -> jax.Array:
    """The part of a block that sees neighbours, where a transformer has attention."""
    channels = x.shape[-1]
    depthwise = partial(Conv, channels, (7, 7), padding=3, feature_group_count=channels)
    x = depthwise(kernel_init=normal, dtype=block.dtype, name="conv_dw")(x)
    return LayerNorm(dtype=block.dtype, name="norm")(x)


class ResponseNormMlp(nn.Module):
    """`Mlp` with global response normalisation of the hidden channels: [N, H, W, C] as before."""

    hidden: int
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        dense = partial(Dense, kernel_init=normal, dtype=self.dtype)
        y = gelu(dense(self.hidden, name="fc1")(x))
        y = GlobalResponseNorm(name="grn")(y)
        return dense(x.shape[-1], name="fc2")(y)


class ConvNeXt(nn.Module):
    """Patches, four stages of blocks, mean over pixels, norm, dense.

    `patch`: side of the stem's in pixels. `width` channels in the first stage, twice as many in
    each that follows. Stochastic depth grows from 0 at the first block to `drop_path_rate` at the
    last.
    """

    num_classes: int
    stages: tuple[int, int, int, int] = (3, 3, 9, 3)
    width: int = 96
    patch: int = 4
    block: type[Block] | type[BlockV2] = Block
    drop_path_rate: float = 0.1
    dtype: Any = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        require_size(images, 8 * self.patch, "ConvNeXt")
        norm = partial(LayerNorm, dtype=self.dtype)
        # Patches side by side: what does not fill a patch, on the right and below, is left out.
        patches = partial(Conv, padding="VALID", kernel_init=normal, dtype=self.dtype)

        x = patches(self.width, (self.patch, self.patch), self.patch, name="stem_conv")(images)
        x = tap(self, "stem", norm(name="stem_norm")(x))  # [N, H/4, W/4, width]
        drop_path_rates = iter(np.linspace(0, self.drop_path_rate, sum(self.stages)).tolist())
        for i, repeats in enumerate(self.stages):
            if i > 0:
                x = norm(name=f"stages_{i}_downsample_norm")(x)
                features = self.width * 2**i
                x = patches(features, (2, 2), 2, name=f"stages_{i}_downsample_conv")(x)
            for j in range(repeats):
                block = self.block(next(drop_path_rates), self.dtype, name=f"stages_{i}_blocks_{j}")
                x = call_block(block, x, remat=self.remat, train=train)
            x = tap(self, f"stage{i + 1}", x)  # [N, H/32, W/32, 8 * width] after the last
        x = norm(name="head_norm")(x.mean((1, 2)))
        return head(self, x, self.num_classes, kernel_init=normal, dtype=self.dtype)


_names = (
    ("stem_conv", "stem.0"),
    ("stem_norm", "stem.1"),
    ("downsample_norm", "downsample.0"),
    ("downsample_conv", "downsample.1"),
    (r"\.layer_scale$", ""),
    ("^head_norm", "head.norm"),
    ("^head$", "head.fc"),
)
_layers = LayerOrder("stem_", r"stages_(\d+)_(?:blocks_(\d+)|downsample)")
_spec = partial(ModelSpec, layers=_layers, torch_names=_names)
_v1 = partial(_spec, paper="https://arxiv.org/abs/2201.03545")
_v2 = partial(_spec, paper="https://arxiv.org/abs/2301.00808")
_deep = partial(ConvNeXt, stages=(3, 3, 27, 3))
_tiny = partial(ConvNeXt, stages=(3, 3, 9, 3), width=96)
_base = partial(_deep, width=128)
_tiny_v2, _base_v2 = partial(_tiny, block=BlockV2), partial(_base, block=BlockV2)

# Stochastic depth: the authors' training on ImageNet-1k; `xlarge` they train on ImageNet-22k only.
VARIANTS = {
    "convnext_tiny": _v1(partial(_tiny, drop_path_rate=0.1), 28_589_128, gmacs=4.456),
    "convnext_small": _v1(partial(_deep, width=96, drop_path_rate=0.4), 50_223_688, gmacs=8.684),
    "convnext_base": _v1(partial(_base, drop_path_rate=0.5), 88_591_464, gmacs=15.355),
    "convnext_large": _v1(partial(_deep, width=192, drop_path_rate=0.5), 197_767_336, gmacs=34.361),
    "convnext_xlarge": _v1(partial(_deep, width=256, drop_path_rate=0.2), 350_196_968, gmacs=60.92),
    "convnextv2_tiny": _v2(partial(_tiny_v2, drop_path_rate=0.2), 28_635_496, gmacs=4.456),
    "convnextv2_base": _v2(partial(_base_v2, drop_path_rate=0.1), 88_717_800, gmacs=15.355),
}
