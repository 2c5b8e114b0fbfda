"""Which of the lowerings beside this file a CPU takes: the one that measured fastest.

The tables at their heads are milliseconds of forward / input gradient / kernel gradient, of XLA's
own and of what is taken here, on two cores, float32, without YNNPACK as the command lines have it,
by `python -m benchmarks.conv`.

Where oneDNN has it and the work is worth it, a convolution and its gradient to the input are
oneDNN's; 1x1 ones and those with a kernel as large as the input are its products. Elsewhere those
of few maps with large kernels are shifted products with the batch innermost, depthwise convolutions
shifted products, those of one channel products forward, and grouped ones XLA's with wider groups.
The kernel gradient of dense ones with at most 32 channels is dots of patches, that of grouped ones
too. All else is XLA's.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax

from jaxcnn.ops import batch_innermost
from jaxcnn.ops.conv import batch_minor, canonical, depthwise, dots, grouped, onednn, patches, xla
from jaxcnn.ops.conv.window import Shape, Sliding
from jaxcnn.xla.one_device import on_one_device


class Lowering(NamedTuple):
    forward: Callable[..., jax.Array]  # (window, x, w) -> y
    input_grad: Callable[..., jax.Array]  # (window, x_shape, g, w) -> dx
    weight_grad: Callable[..., jax.Array]  # (window, w_shape, x, g) -> dw


CANONICAL = Lowering(xla.forward, canonical.input_grad, canonical.weight_grad)
PATCHES = Lowering(xla.forward, canonical.input_grad, patches.weight_grad)
ONE_CHANNEL = Lowering(depthwise.forward, canonical.input_grad, canonical.weight_grad)
BATCH_MINOR = Lowering(batch_minor.forward, batch_minor.input_grad, batch_minor.weight_grad)
DEPTHWISE = Lowering(depthwise.forward, depthwise.input_grad, depthwise.weight_grad)
GROUPED = Lowering(grouped.forward, grouped.input_grad, grouped.weight_grad)
POINTWISE = Lowering(dots.pointwise_forward, dots.pointwise_input_grad, dots.pointwise_weight_grad)
WHOLE = Lowering(dots.whole_forward, dots.whole_input_grad, dots.whole_weight_grad)
# Products of matrices, where the general convolution is no faster.
DOTS = (POINTWISE, WHOLE)


def fastest(window: Sliding, x_shape: Shape, w_shape: Shape) -> Lowering:
    """The lowering that measured fastest, oneDNN's convolution left aside."""
    few_maps = x_shape[3] <= 8 and batch_innermost.pays(x_shape[0], w_shape[3])
    if window.groups == 1 and few_maps and math.prod(w_shape[:2]) > 9:
        return BATCH_MINOR
    if x_shape[3] == 1:
        return ONE_CHANNEL
    if window.groups == x_shape[3]:
        return DEPTHWISE
    if window.groups == 1 and w_shape[:2] == (1, 1) and window.padding == ((0, 0), (0, 0)):
        return POINTWISE
    if window.groups > 1:
        return GROUPED
    if w_shape[:2] == x_shape[1:3] and window.padding == ((0, 0), (0, 0)):
        return WHOLE
    # XLA's gradient to the kernel is a convolution with a kernel as large as the output: slow where
    # that is large and channels are few, unless the kernel is large as well.
    positions = math.prod(window.output_size(x_shape[1:3], w_shape[:2]))
    few_channels = 3 <= x_shape[3] <= 32
    return (
        PATCHES if few_channels and positions > 100 and math.prod(w_shape[:2]) <= 25 else CANONICAL
    )


def forward(window: Sliding, x: jax.Array, w: jax.Array) -> jax.Array:
    lowering = fastest(window, x.shape, w.shape)
    if lowering in DOTS or not onednn.forward_pays(window, x, w):
        return lowering.forward(window, x, w)
    return on_one_device(onednn.forward, lowering.forward, (window,), x, w)


def input_grad(window: Sliding, x_shape: Shape, g: jax.Array, w: jax.Array) -> jax.Array:
    lowering = fastest(window, x_shape, w.shape)
    if lowering in DOTS or not onednn.input_grad_pays(window, x_shape, g, w):
        return lowering.input_grad(window, x_shape, g, w)
    return on_one_device(onednn.input_grad, lowering.input_grad, (window, x_shape), g, w)
