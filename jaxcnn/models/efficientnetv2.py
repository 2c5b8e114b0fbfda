"""EfficientNetV2: full convolutions in the early stages, where depthwise ones waste accelerators.

Tan and Le, 2021, https://arxiv.org/abs/2104.00298; stages, dropout and image sizes are those of the
authors' code, https://github.com/google/automl/tree/master/efficientnetv2; padding and epsilon as
in `efficientnet.py`, with `tf_` variants as there.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.layers.dropout import Dropout
from jaxcnn.layers.head import head
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.layers.remat import call_block
from jaxcnn.layers.tap import tap
from jaxcnn.models import efficientnet
from jaxcnn.models.efficientnet import (
    HEAD_WIDTH,
    LAYERS,
    NAMES,
    MBConv,
    ModuleDef,
    add_shortcut,
    scale_depth,
    square_conv,
    tensorflow_form,
)
from jaxcnn.models.spec import ModelSpec, Stem, is_small


@dataclass(frozen=True)
class Stage(efficientnet.Stage):
    """A row of the paper's table 4, of MBConv or of fused blocks."""

    fused: bool


_fused = partial(Stage, kernel=3, fused=True)
_mbconv = partial(Stage, kernel=3, fused=False)

# Table 4, and the authors' code for the two larger networks.
S = (
    _fused(repeats=2, stride=1, expand=1, width=24),
    _fused(repeats=4, stride=2, expand=4, width=48),
    _fused(repeats=4, stride=2, expand=4, width=64),
    _mbconv(repeats=6, stride=2, expand=4, width=128),
    _mbconv(repeats=9, stride=1, expand=6, width=160),
    _mbconv(repeats=15, stride=2, expand=6, width=256),
)
M = (
    _fused(repeats=3, stride=1, expand=1, width=24),
    _fused(repeats=5, stride=2, expand=4, width=48),
    _fused(repeats=5, stride=2, expand=4, width=80),
    _mbconv(repeats=7, stride=2, expand=4, width=160),
    _mbconv(repeats=14, stride=1, expand=6, width=176),
    _mbconv(repeats=18, stride=2, expand=6, width=304),
    _mbconv(repeats=5, stride=1, expand=6, width=512),
)
L = (
    _fused(repeats=4, stride=1, expand=1, width=32),
    _fused(repeats=7, stride=2, expand=4, width=64),
    _fused(repeats=7, stride=2, expand=4, width=96),
    _mbconv(repeats=10, stride=2, expand=4, width=192),
    _mbconv(repeats=19, stride=1, expand=6, width=224),
    _mbconv(repeats=25, stride=2, expand=6, width=384),
    _mbconv(repeats=7, stride=1, expand=6, width=640),
)


class FusedMBConv(nn.Module):
    """KxK up to `expand` times the channels, 1x1 down; a single KxK where nothing expands."""

    stage: Stage
    stride: int
    drop_path_rate: float
    conv: ModuleDef
    norm: ModuleDef

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        kernel, expand, width = self.stage.kernel, self.stage.expand, self.stage.width
        if expand == 1:
            y = self.conv(width, kernel, self.stride, name="conv")(x)
            y = nn.silu(self.norm(name="bn1")(y))
        else:
            y = self.conv(x.shape[-1] * expand, kernel, self.stride, name="conv_exp")(x)
            y = nn.silu(self.norm(name="bn1")(y))
            y = self.conv(width, 1, name="conv_pwl")(y)
            y = self.norm(name="bn2")(y)
        return add_shortcut(x, y, self.stride, self.drop_path_rate, train=train)


class EfficientNetV2(nn.Module):
    """Stem to half of the image, stages of fused and of MBConv blocks, 1x1 head, mean, dense.

    The stem is as wide as the first stage. `depth` multiplies every stage's repeats, rounded up.
    Stochastic depth grows from 0 at the first block to `drop_path_rate`.
    """

    num_classes: int
    stages: tuple[Stage, ...] = S
    depth: float = 1.0
    stem: Stem = "imagenet"
    drop_rate: float = 0.2
    drop_path_rate: float = 0.2
    same_padding: bool = False
    epsilon: float = 1e-5
    dtype: Any = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        conv = partial(square_conv, same_padding=self.same_padding, dtype=self.dtype)
        norm = partial(
            BatchNorm, use_running_average=not train, epsilon=self.epsilon, dtype=self.dtype
        )
        fused = partial(FusedMBConv, conv=conv, norm=norm)
        mbconv = partial(
            MBConv, squeeze_excite=True, activation=nn.silu, conv=conv, norm=norm, dtype=self.dtype
        )

        stride = 1 if is_small(self.stem) else 2
        x = conv(self.stages[0].width, 3, stride, name="stem_conv")(images)
        x = tap(self, "stem", nn.silu(norm(name="stem_bn")(x)))  # [N, H/2, W/2, 24]
        repeats = [scale_depth(stage.repeats, self.depth) for stage in self.stages]
        block = 0
        for i, stage in enumerate(self.stages):
            for j in range(repeats[i]):
                module = (fused if stage.fused else mbconv)(
                    stage,
                    stride=stage.stride if j == 0 else 1,
                    drop_path_rate=self.drop_path_rate * block / sum(repeats),
                    name=f"blocks_{i}_{j}",
                )
                x = call_block(module, x, remat=self.remat, train=train)
                block += 1
            x = tap(self, f"stage{i + 1}", x)
        x = conv(HEAD_WIDTH, 1, name="head_conv")(x)
        x = tap(self, "features", nn.silu(norm(name="head_bn")(x)))  # [N, H/32, W/32, 1280]
        x = Dropout(self.drop_rate, deterministic=not train)(x.mean((1, 2)))
        return head(self, x, self.num_classes, dtype=self.dtype)


# Image sizes: the largest that training grows to; evaluation is at 384, 480 and 480 pixels.
_spec = partial(
    ModelSpec, paper="https://arxiv.org/abs/2104.00298", layers=LAYERS, torch_names=NAMES
)
_s = partial(EfficientNetV2, stages=S, drop_rate=0.2)
_m = partial(EfficientNetV2, stages=M, drop_rate=0.3)
_l = partial(EfficientNetV2, stages=L, drop_rate=0.4)
_variants = {
    "efficientnetv2_s": _spec(_s, 21_458_488, gmacs=5.308, image_size=300),
    "efficientnetv2_m": _spec(_m, 54_139_356, gmacs=15.737, image_size=384),
    "efficientnetv2_l": _spec(_l, 118_515_272, gmacs=35.899, image_size=384),
}

VARIANTS = _variants | {f"tf_{name}": tensorflow_form(spec) for name, spec in _variants.items()}
