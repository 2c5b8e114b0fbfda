"""EfficientNet: depth, width and resolution grown together.

Tan and Le, 2019, https://arxiv.org/abs/1905.11946, in timm's form: symmetric padding, BatchNorm
epsilon 1e-5. `lite`: no squeeze-and-excitation, ReLU6, and a stem, head and first and last stage
that do not grow, https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
`tf_`: with the padding and epsilon that the authors' own weights were trained with.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.layers.conv import Conv
from jaxcnn.layers.dropout import Dropout
from jaxcnn.layers.head import head
from jaxcnn.layers.initializers import he_normal_fan_in, he_normal_fan_out
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.layers.remat import call_block
from jaxcnn.layers.squeeze_excite import SqueezeExcite
from jaxcnn.layers.stochastic_depth import StochasticDepth
from jaxcnn.layers.tap import tap
from jaxcnn.models.spec import LayerOrder, ModelSpec, Stem, is_small

ModuleDef = Callable[..., Any]


@dataclass(frozen=True)
class Stage:
    """A row of the paper's table 1: `repeats` blocks, the first of which strides."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    width: int


# Table 1: EfficientNet-B0.
B0 = (
    Stage(repeats=1, kernel=3, stride=1, expand=1, width=16),
    Stage(repeats=2, kernel=3, stride=2, expand=6, width=24),
    Stage(repeats=2, kernel=5, stride=2, expand=6, width=40),
    Stage(repeats=3, kernel=3, stride=2, expand=6, width=80),
    Stage(repeats=3, kernel=5, stride=1, expand=6, width=112),
    Stage(repeats=4, kernel=5, stride=2, expand=6, width=192),
    Stage(repeats=1, kernel=3, stride=1, expand=6, width=320),
)
STEM_WIDTH, HEAD_WIDTH = 32, 1280


def scale_width(width: int, coefficient: float) -> int:
    """The multiple of 8 nearest to width * coefficient, never less than 90% of it."""
    scaled = width * coefficient
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def scale_depth(repeats: int, coefficient: float) -> int:
    return math.ceil(repeats * coefficient)


def square_conv(
    features: int, kernel: int, stride: int = 1, *, same_padding: bool, **fields: Any
) -> Conv:
    """KxK without bias, the output ceil(size / stride) large.

    `same_padding`: TensorFlow's, as little as gives that size, an odd pixel on the right and below;
    else symmetric, K // 2.
    """
    padding = "SAME" if same_padding else kernel // 2
    fields = {"kernel_init": he_normal_fan_out, **fields}
    return Conv(features, (kernel, kernel), stride, padding, use_bias=False, **fields)


class MBConv(nn.Module):
    """1x1 up to `expand` times the channels, depthwise KxK, squeeze-and-excite, 1x1 down."""

    stage: Stage
    stride: int
    squeeze_excite: bool
    drop_path_rate: float
    activation: Callable[[jax.Array], jax.Array]
    conv: ModuleDef
    norm: ModuleDef
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        channels = x.shape[-1]
        y = x
        if self.stage.expand > 1:
            y = self.conv(channels * self.stage.expand, 1, name="expand_conv")(y)
            y = self.activation(self.norm(name="expand_bn")(y))
        y = self.conv(
            y.shape[-1],
            self.stage.kernel,
            self.stride,
            feature_group_count=y.shape[-1],
            # A depthwise kernel [K, K, 1, C] has one output a group: K * K, which initialisers take
            # for its fan-in, is its fan-out.
            kernel_init=he_normal_fan_in,
            name="depthwise_conv",
        )(y)
        y = self.activation(self.norm(name="depthwise_bn")(y))
        if self.squeeze_excite:
            # A quarter of the block's input channels, not of the expanded ones.
            squeeze = partial(SqueezeExcite, kernel_init=he_normal_fan_out, dtype=self.dtype)
            y = squeeze(max(1, channels // 4), self.activation, name="se")(y)
        y = self.conv(self.stage.width, 1, name="project_conv")(y)
        y = self.norm(name="project_bn")(y)
        return add_shortcut(x, y, self.stride, self.drop_path_rate, train=train)


def add_shortcut(
    x: jax.Array, y: jax.Array, stride: int, drop_path_rate: float, *, train: bool
) -> jax.Array:
    """A block's input and output added, where it neither strides nor changes the width."""
    if stride > 1 or x.shape[-1] != y.shape[-1]:
        return y
    return x + StochasticDepth(drop_path_rate)(y, train=train)


class EfficientNet(nn.Module):
    """Stem to half of the image, seven stages of MBConv, 1x1 head, mean over pixels, dense.

    `width` and `depth` are the compound scaling's coefficients; its third, resolution, is the
    size of the images. Stochastic depth grows from 0 at the first block to `drop_path_rate`. The
    small `stem`, for thumbnails, is the same one without its stride.
    """

    num_classes: int
    width: float = 1.0
    depth: float = 1.0
    drop_rate: float = 0.2
    drop_path_rate: float = 0.2
    stages: tuple[Stage, ...] = B0
    stem: Stem = "imagenet"
    lite: bool = False
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
        activation = nn.relu6 if self.lite else nn.silu
        stages = self.scaled_stages()
        ends = 1.0 if self.lite else self.width

        stem_width = scale_width(STEM_WIDTH, ends)
        x = conv(stem_width, 3, 1 if is_small(self.stem) else 2, name="stem_conv")(images)
        x = tap(self, "stem", activation(norm(name="stem_bn")(x)))  # [N, H/2, W/2, 32]
        block, num_blocks = 0, sum(stage.repeats for stage in stages)
        for i, stage in enumerate(stages):
            for j in range(stage.repeats):
                mbconv = MBConv(
                    stage,
                    stride=stage.stride if j == 0 else 1,
                    squeeze_excite=not self.lite,
                    drop_path_rate=self.drop_path_rate * block / num_blocks,
                    activation=activation,
                    conv=conv,
                    norm=norm,
                    dtype=self.dtype,
                    name=f"blocks_{i}_{j}",
                )
                x = call_block(mbconv, x, remat=self.remat, train=train)
                block += 1
            x = tap(self, f"stage{i + 1}", x)
        x = conv(scale_width(HEAD_WIDTH, ends), 1, name="head_conv")(x)
        x = tap(self, "features", activation(norm(name="head_bn")(x)))  # [N, H/32, W/32, 1280]
        x = Dropout(self.drop_rate, deterministic=not train)(x.mean((1, 2)))
        return head(self, x, self.num_classes, dtype=self.dtype)

    def scaled_stages(self) -> tuple[Stage, ...]:
        """The stages after compound scaling (section 3.3)."""

        def scaled(index: int, stage: Stage) -> Stage:
            fixed = self.lite and index in (0, len(self.stages) - 1)
            return Stage(
                repeats=stage.repeats if fixed else scale_depth(stage.repeats, self.depth),
                kernel=stage.kernel,
                stride=stage.stride,
                expand=stage.expand,
                width=scale_width(stage.width, self.width),
            )

        return tuple(scaled(index, stage) for index, stage in enumerate(self.stages))


# timm numbers a block's convolutions by what they do and its BatchNorms by their order, which
# depends on whether the block expands.
NAMES = (
    ("^stem_conv", "conv_stem"),
    ("^stem_bn", "bn1"),
    ("^head_conv", "conv_head"),
    ("^head_bn", "bn2"),
    ("^head", "classifier"),
    (r"^(blocks_0_\d+)\.depthwise_bn", r"\1.bn1"),
    (r"^(blocks_0_\d+)\.project_conv", r"\1.conv_pw"),
    (r"^(blocks_0_\d+)\.project_bn", r"\1.bn2"),
    (r"\.expand_conv", ".conv_pw"),
    (r"\.expand_bn", ".bn1"),
    (r"\.depthwise_conv", ".conv_dw"),
    (r"\.depthwise_bn", ".bn2"),
    (r"\.project_conv", ".conv_pwl"),
    (r"\.project_bn", ".bn3"),
    (r"\.se\.(reduce|expand)", r".se.conv_\1"),
)
LAYERS = LayerOrder("stem_", r"blocks_(\d+)_(\d+)", closing="head_")


def _spec(
    num_params: int,
    gmacs: float,
    *,
    image_size: int,
    width: float,
    depth: float,
    drop: float,
    lite: bool = False,
) -> ModelSpec:
    make = partial(EfficientNet, width=width, depth=depth, drop_rate=drop, lite=lite)
    return ModelSpec(
        make,
        num_params,
        gmacs,
        image_size=image_size,
        paper="https://arxiv.org/abs/1905.11946",
        layers=LAYERS,
        torch_names=NAMES,
    )


def tensorflow_form(spec: ModelSpec) -> ModelSpec:
    """`spec` with TensorFlow's padding and the epsilon of the authors' code: nothing else differs.

    The running averages keep 0.9 at a step, as timm has it; the authors' keep 0.99.
    """
    return replace(spec, make=partial(spec.make, same_padding=True, epsilon=1e-3))


_lite = partial(_spec, lite=True)

# Coefficients: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet
# fmt: off
_variants = {
    "efficientnet_b0": _spec(5_288_548, 0.386, image_size=224, width=1.0, depth=1.0, drop=0.2),
    "efficientnet_b1": _spec(7_794_184, 0.687, image_size=240, width=1.0, depth=1.1, drop=0.2),
    "efficientnet_b2": _spec(9_109_994, 0.994, image_size=260, width=1.1, depth=1.2, drop=0.3),
    "efficientnet_b3": _spec(12_233_232, 1.827, image_size=300, width=1.2, depth=1.4, drop=0.3),
    "efficientnet_b4": _spec(19_341_616, 4.394, image_size=380, width=1.4, depth=1.8, drop=0.4),
    "efficientnet_b5": _spec(30_389_784, 10.266, image_size=456, width=1.6, depth=2.2, drop=0.4),
    "efficientnet_b6": _spec(43_040_704, 19.068, image_size=528, width=1.8, depth=2.6, drop=0.5),
    "efficientnet_b7": _spec(66_347_960, 37.746, image_size=600, width=2.0, depth=3.1, drop=0.5),
    "efficientnet_lite0": _lite(4_652_008, 0.385, image_size=224, width=1.0, depth=1.0, drop=0.2),
    "efficientnet_lite1": _lite(5_416_680, 0.6, image_size=240, width=1.0, depth=1.1, drop=0.2),
    "efficientnet_lite2": _lite(6_092_072, 0.86, image_size=260, width=1.1, depth=1.2, drop=0.3),
    "efficientnet_lite3": _lite(8_197_096, 1.383, image_size=280, width=1.2, depth=1.4, drop=0.3),
    "efficientnet_lite4": _lite(13_006_568, 2.553, image_size=300, width=1.4, depth=1.8, drop=0.3),
}
# fmt: on

VARIANTS = _variants | {f"tf_{name}": tensorflow_form(spec) for name, spec in _variants.items()}
