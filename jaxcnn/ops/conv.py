"""Convolution lowered per platform: XLA's own on GPU and TPU, the fastest measured on CPU.

`conv_general_dilated` takes the arguments of `jax.lax.conv_general_dilated`, returns its result.

On CPU (two cores, float32, without YNNPACK as the command lines have it; milliseconds of forward /
input gradient / kernel gradient, from `python -m benchmarks.conv`):

    convolution                       batch    XLA                 here
    depthwise 3x3, 112x112x32            16    196 / 209 / 52      2 / 2 / 45
    depthwise 5x5 stride 2, 56x56x144    16    103 / 712 / 76      2.1 / 10 / 24
    depthwise 7x7, 28x28x192             16    227 / 207 / 215     2.1 / 2.8 / 25
    1x1, 56x56, 64 -> 256                16    8.6 / 9.4 / 18      8.3 / 9.4 / 9.9
    3x3, 32x32, 16 -> 16                128    7.1 / 5.8 / 11      3 / 3 / 7.8
    3x3, 16x16, 32 -> 32                128    3.3 / 3.3 / 6.3     2.7 / 2.7 / 5.2
    3x3, 56x56, 64 -> 64                 16    21 / 21 / 26        16 / 17 / 26
    3x3, 56x56, 128 -> 32                16    25 / 18 / 27        17 / 17 / 26
    3x3, 14x14x512, 32 groups            16    14 / 13 / 3733      2.1 / 2.7 / 11
    7x7 stride 2, 224x224, 3 -> 64       16    30 / 142 / 35       32 / 100 / 37
    3x3, 112x112, 24 -> 24               16    16 / 16 / 33        14 / 13 / 22
    3x3, 224x224, 3 -> 64                16    92 / 133 / 89       67 / 73 / 100
    5x5, 32x32, 1 -> 6                  128    6.2 / 9.2 / 1.6     0.46 / 9 / 1.6
    7x7, 7x7, 512 -> 4096                16    30 / 1044 / 262     31 / 172 / 127

Where `jaxcnn.xla.onednn` has it and the work is worth it, a convolution and its gradient to the
input are oneDNN's; 1x1 ones and those with a kernel as large as the input are its products.
Elsewhere depthwise convolutions are shifted products, those of one channel products forward, and
grouped ones are XLA's with wider groups. The kernel gradient of dense ones with at most 32 channels
is dots of patches, that of grouped ones too. All else is XLA's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.ops.channel import add_rows, sum_matrix
from jaxcnn.ops.kernel_gradient import kernel_gradient
from jaxcnn.ops.matmul import cpu_product
from jaxcnn.xla import onednn, support
from jaxcnn.xla.materialize import materialize
from jaxcnn.xla.one_device import on_one_device
from jaxcnn.xla.platform import per_platform

_NHWC_HWIO = lax.ConvDimensionNumbers((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))

Padding = str | Sequence[tuple[int, int]]
Shape = tuple[int, ...]


class Window(NamedTuple):
    """How a convolution or a pooling reads its input: everything static about it but the shapes."""

    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...] = (1, 1)
    groups: int = 1
    precision: Any = None

    def output_size(self, size: Sequence[int], kernel: Sequence[int]) -> Shape:
        """Height and width of the output for an input of height and width `size`."""
        return tuple(
            max((n + lo + hi - (k - 1) * d - 1) // s + 1, 0)
            for n, k, s, (lo, hi), d in zip(
                size, kernel, self.strides, self.padding, self.dilation, strict=True
            )
        )


def conv_general_dilated(
    lhs: jax.Array,
    rhs: jax.Array,
    window_strides: Sequence[int],
    padding: Padding,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> jax.Array:
    """`jax.lax.conv_general_dilated`, faster on CPU; gradients of any order are reverse-mode only.

    Args:
        lhs: input; [N, H, W, C] for the fast paths.
        rhs: kernel; [KH, KW, C / feature_group_count, features] for the fast paths.
        padding: "SAME", "VALID", "SAME_LOWER" or a (low, high) pair per spatial dimension.

    Returns:
        The convolution, [N, OH, OW, features] for NHWC inputs, in the inputs' dtype; products of
        bfloat16 are summed in float32.

    Raises:
        TypeError, ValueError: as `jax.lax.conv_general_dilated` does.
    """
    plain = partial(
        lax.conv_general_dilated,
        lhs,
        rhs,
        window_strides,
        padding,
        lhs_dilation,
        rhs_dilation,
        dimension_numbers,
        feature_group_count,
        batch_group_count,
        precision,
        preferred_element_type,
    )
    supported = (
        lhs.ndim == rhs.ndim == 4
        and lhs.dtype == rhs.dtype
        and lhs.dtype in (jnp.float32, jnp.bfloat16)
        and preferred_element_type in (None, lhs.dtype)
        and lax.conv_dimension_numbers(lhs.shape, rhs.shape, dimension_numbers) == _NHWC_HWIO
        and batch_group_count == 1
        and tuple(lhs_dilation or (1, 1)) == (1, 1)
        and lhs.shape[3] == rhs.shape[2] * feature_group_count
        and rhs.shape[3] % feature_group_count == 0
        and len(window_strides) == 2
        and min(window_strides) > 0
        and lhs.size > 0
    )
    if not supported:
        return plain()
    dilation = tuple(rhs_dilation or (1, 1))
    if isinstance(padding, str):
        span = [(k - 1) * d + 1 for k, d in zip(rhs.shape[:2], dilation, strict=True)]
        padding = lax.padtype_to_pads(lhs.shape[1:3], span, window_strides, padding)
    window = Window(
        strides=tuple(window_strides),
        padding=tuple((int(lo), int(hi)) for lo, hi in padding),
        dilation=dilation,
        groups=feature_group_count,
        precision=precision,
    )
    if 0 in window.output_size(lhs.shape[1:3], rhs.shape[:2]):
        return plain()
    # XLA's code for CPUs reads beyond the input where padding takes away from it.
    crop = [(min(lo, 0), min(hi, 0)) for lo, hi in window.padding]
    if crop != [(0, 0), (0, 0)]:
        lhs = pad_spatial(lhs, crop)
        padding = tuple((max(lo, 0), max(hi, 0)) for lo, hi in window.padding)
        window = window._replace(padding=padding)
    return _conv(window, lhs, rhs)


# A convolution is bilinear, so three operations are closed under differentiation: the convolution,
# its gradient to the input and its gradient to the kernel. Each is a custom_vjp whose rule calls
# the other two: autodiff never looks inside a per_platform, at any order.


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _conv(window: Window, x: jax.Array, w: jax.Array) -> jax.Array:
    return per_platform(_cpu_forward, _xla_forward, (window,), x, w)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _input_grad(window: Window, x_shape: Shape, g: jax.Array, w: jax.Array) -> jax.Array:
    return per_platform(_cpu_input_grad, _xla_input_grad, (window, x_shape), g, w)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _weight_grad(window: Window, w_shape: Shape, x: jax.Array, g: jax.Array) -> jax.Array:
    lowering = _cpu_lowering(window, x.shape, w_shape)
    return per_platform(lowering.weight_grad, _xla_weight_grad, (window, w_shape), x, g)


def _conv_bwd(window, residuals, g):
    x, w = residuals
    return _input_grad(window, x.shape, g, w), _weight_grad(window, w.shape, x, g)


def _input_grad_bwd(window, x_shape, residuals, ct):
    g, w = residuals
    return _conv(window, ct, w), _weight_grad(window, w.shape, ct, g)


def _weight_grad_bwd(window, w_shape, residuals, ct):
    x, g = residuals
    return _input_grad(window, x.shape, g, ct), _conv(window, x, ct)


def _conv_fwd(window, x, w):
    # XLA's kernel gradient reads x transposed: from memory, or it computes x anew while it strides.
    if _cpu_lowering(window, x.shape, w.shape).weight_grad is _xla_weight_grad:
        x = materialize(x)
    return _conv(window, x, w), (x, w)


_conv.defvjp(_conv_fwd, _conv_bwd)
_input_grad.defvjp(
    lambda window, shape, g, w: (_input_grad(window, shape, g, w), (g, w)), _input_grad_bwd
)
_weight_grad.defvjp(
    lambda window, shape, x, g: (_weight_grad(window, shape, x, g), (x, g)), _weight_grad_bwd
)


# --- GPU, TPU: XLA's convolution ---


def _xla_forward(window: Window, x: jax.Array, w: jax.Array) -> jax.Array:
    return lax.conv_general_dilated(
        x,
        w,
        window.strides,
        window.padding,
        rhs_dilation=window.dilation,
        dimension_numbers=_NHWC_HWIO,
        feature_group_count=window.groups,
        precision=window.precision,
    )


def _xla_input_grad(window: Window, x_shape: Shape, g: jax.Array, w: jax.Array) -> jax.Array:
    x = jax.ShapeDtypeStruct(x_shape, g.dtype)
    return jax.linear_transpose(lambda x: _xla_forward(window, x, w), x)(g)[0]


def _xla_weight_grad(window: Window, w_shape: Shape, x: jax.Array, g: jax.Array) -> jax.Array:
    w = jax.ShapeDtypeStruct(w_shape, x.dtype)
    return jax.linear_transpose(lambda w: _xla_forward(window, x, w), w)(g)[0]


# --- CPU ---


class _Lowering(NamedTuple):
    forward: Callable[..., jax.Array]  # (window, x, w) -> y
    input_grad: Callable[..., jax.Array]  # (window, x_shape, g, w) -> dx
    weight_grad: Callable[..., jax.Array]  # (window, w_shape, x, g) -> dw


def _cpu_lowering(window: Window, x_shape: Shape, w_shape: Shape) -> _Lowering:
    """The lowering that measured fastest on CPU."""
    if x_shape[3] == 1:
        return _ONE_CHANNEL
    if window.groups == x_shape[3]:
        return _DEPTHWISE
    if window.groups == 1 and w_shape[:2] == (1, 1) and window.padding == ((0, 0), (0, 0)):
        return _POINTWISE
    if window.groups > 1:
        return _GROUPED
    if w_shape[:2] == x_shape[1:3] and window.padding == ((0, 0), (0, 0)):
        return _WHOLE
    # XLA's gradient to the kernel is a convolution with a kernel as large as the output: slow where
    # that is large and channels are few, unless the kernel is large as well.
    positions = math.prod(window.output_size(x_shape[1:3], w_shape[:2]))
    few_channels = 3 <= x_shape[3] <= 32
    return _DENSE if few_channels and positions > 100 and math.prod(w_shape[:2]) <= 25 else _XLA


def _cpu_forward(window: Window, x: jax.Array, w: jax.Array) -> jax.Array:
    lowering = _cpu_lowering(window, x.shape, w.shape)
    positions = len(x) * math.prod(window.output_size(x.shape[1:3], w.shape[:2]))
    fits = _fits_onednn(window.padding, window, w)
    pays = fits and onednn.pays(support.CONVOLUTION, positions * w.size, x, w)
    if lowering in _DOTS or not pays:
        return lowering.forward(window, x, w)
    return on_one_device(_onednn_forward, lowering.forward, (window,), x, w)


def _cpu_input_grad(window: Window, x_shape: Shape, g: jax.Array, w: jax.Array) -> jax.Array:
    lowering = _cpu_lowering(window, x_shape, w.shape)
    if window.strides == (1, 1):
        fits = _fits_onednn(_transposed_padding(window, w.shape), window, w)
        alone = _onednn_input_grad
    else:
        # Depthwise ones multiply too little to repay putting the classes together.
        fits = (
            window.dilation == (1, 1)
            and _fits_onednn(window.padding, window, w)
            and lowering is not _DEPTHWISE
        )
        alone = _onednn_strided_input_grad
    positions = math.prod(g.shape[:3])
    pays = fits and onednn.pays(support.CONVOLUTION, positions * w.size, g, w)
    if lowering in _DOTS or not pays:
        return lowering.input_grad(window, x_shape, g, w)
    return on_one_device(alone, lowering.input_grad, (window, x_shape), g, w)


def _dot(a: jax.Array, b: jax.Array, transpose_b: bool = False) -> jax.Array:
    """a [M, K] times b [K, N], or b [N, K] turned over, summed in float32."""
    if a.dtype == jnp.float32:
        return cpu_product(False, transpose_b, a, b)
    dims = (((1,), (1 if transpose_b else 0,)), ((), ()))
    return lax.dot_general(a, b, dims, preferred_element_type=jnp.float32).astype(a.dtype)


def pad_spatial(x: jax.Array, padding: Sequence[tuple[int, int]], value: float = 0) -> jax.Array:
    """[N, H, W, C] with `padding` = ((top, bottom), (left, right)); negative crops."""
    config = [(0, 0, 0), *((lo, hi, 0) for lo, hi in padding), (0, 0, 0)]
    return lax.pad(x, jnp.asarray(value, x.dtype), config)


def read_offset(x: jax.Array, i: int, j: int, window: Window, size: Sequence[int]) -> jax.Array:
    """What offset (i, j) of every window reads from the padded `x`: [N, OH, OW, C]."""
    starts = (i * window.dilation[0], j * window.dilation[1])
    limits = [a + (n - 1) * s + 1 for a, n, s in zip(starts, size, window.strides, strict=True)]
    return lax.slice(x, (0, *starts, 0), (x.shape[0], *limits, x.shape[3]), (1, *window.strides, 1))


def scatter_offsets(
    term: Callable[..., jax.Array],
    arrays: Sequence[tuple[jax.Array, float]],
    window: Window,
    kernel: Shape,
    size: Shape,
) -> jax.Array:
    """Adjoint of `read_offset`: the sum over offsets of what each sends to the input.

    Input positions fall into one class per residue modulo the stride, and each class gathers from
    its own offsets: the work is that of the forward pass, where dilating with zeros costs stride^2.

    Args:
        term: `term(i, j, *shifted)` is what offset (i, j) sends, from arrays shaped as the output.
        arrays: pairs of an array [N, OH, OW, C] and the value it has outside the output.
        size: height and width of the input.

    Returns:
        [N, *size, C]
    """
    out_size = arrays[0][0].shape[1:3]
    # Offset k * d = q * s + r sends output position p to position p + q of the class r.
    steps = [
        [divmod(k * d, s) for k in range(n)]
        for n, d, s in zip(kernel, window.dilation, window.strides, strict=True)
    ]
    reach = [max(q for q, _ in axis) for axis in steps]
    padded = [pad_spatial(a, [(r, r) for r in reach], value) for a, value in arrays]
    extent = [n + r for n, r in zip(out_size, reach, strict=True)]
    n, channels = arrays[0][0].shape[0], arrays[0][0].shape[3]

    def shifted(a: jax.Array, qi: int, qj: int) -> jax.Array:
        i, j = reach[0] - qi, reach[1] - qj
        return lax.slice(a, (0, i, j, 0), (n, i + extent[0], j + extent[1], channels))

    def residue_class(ri: int, rj: int) -> jax.Array:
        terms = [
            term(i, j, *(shifted(a, qi, qj) for a in padded))
            for i, (qi, si) in enumerate(steps[0])
            for j, (qj, sj) in enumerate(steps[1])
            if (si, sj) == (ri, rj)
        ]
        return reduce(lax.add, terms) if terms else jnp.zeros((n, *extent, channels), dtype)

    dtype = jax.eval_shape(partial(term, 0, 0), *(a for a, _ in arrays)).dtype
    if window.strides == (1, 1):
        out = residue_class(0, 0)
    else:
        rows = [
            jnp.stack([residue_class(ri, rj) for rj in range(window.strides[1])], axis=3)
            for ri in range(window.strides[0])
        ]
        full = [e * s for e, s in zip(extent, window.strides, strict=True)]
        out = jnp.stack(rows, axis=2).reshape(n, *full, channels)
    crop = [
        (-lo, lo + m - have)
        for (lo, _), m, have in zip(window.padding, size, out.shape[1:3], strict=True)
    ]
    return pad_spatial(out, crop)


# oneDNN: convolutions forward, dense, grouped and depthwise. The gradient to the input is one, too.


def _fits_onednn(padding: Sequence[tuple[int, int]], window: Window, w: jax.Array) -> bool:
    """Whether each side's padding is such that every position of the kernel meets the input."""
    spans = ((k - 1) * d for k, d in zip(w.shape[:2], window.dilation, strict=True))
    return all(0 <= pad <= span for pads, span in zip(padding, spans, strict=True) for pad in pads)


def _onednn_forward(window: Window, x: jax.Array, w: jax.Array) -> jax.Array:
    return onednn.convolution(window.strides, window.padding, window.dilation, window.groups, x, w)


def _transposed_padding(window: Window, w_shape: Shape) -> list[tuple[int, int]]:
    """Of the convolution that is the gradient to the input of one with stride 1."""
    spans = ((k - 1) * d for k, d in zip(w_shape[:2], window.dilation, strict=True))
    return [(span - lo, span - hi) for span, (lo, hi) in zip(spans, window.padding, strict=True)]


def _transposed_kernel(window: Window, w: jax.Array) -> jax.Array:
    """[KH, KW, C / groups, features] -> [KH, KW, features / groups, C], turned over."""
    height, width, channels, features = w.shape
    groups = w[::-1, ::-1].reshape(height, width, channels, window.groups, -1)
    return groups.transpose(0, 1, 4, 3, 2).reshape(
        height, width, features // window.groups, channels * window.groups
    )


def _onednn_input_grad(window: Window, x_shape: Shape, g: jax.Array, w: jax.Array) -> jax.Array:
    turned = window._replace(padding=tuple(_transposed_padding(window, w.shape)))
    return _onednn_forward(turned, g, _transposed_kernel(window, w))


def _onednn_strided_input_grad(
    window: Window, x_shape: Shape, g: jax.Array, w: jax.Array
) -> jax.Array:
    """By `scatter_offsets`'s classes: to each, g sends through its own part of the kernel."""
    (stride_h, stride_w), (height, width) = window.strides, g.shape[1:3]
    # Of a class; what lies beyond the input is cut off at the end.
    rows, columns = (
        max(-(-(n + lo) // s), m)
        for n, m, s, (lo, _) in zip(
            x_shape[1:3], (height, width), window.strides, window.padding, strict=True
        )
    )

    def residue_class(i: int, j: int) -> jax.Array:
        part = w[i::stride_h, j::stride_w]
        if part.size == 0:
            return jnp.zeros((len(g), rows, columns, x_shape[3]), g.dtype)
        # Where the class is larger than what g reaches, zeros stand below and on the right.
        reach_h, reach_w = (k - 1 for k in part.shape[:2])
        below, right = (max(rows - height, reach_h), max(columns - width, reach_w))
        whole = window._replace(strides=(1, 1), padding=((reach_h, below), (reach_w, right)))
        out = _onednn_forward(whole, g, _transposed_kernel(window, part))
        return out[:, :rows, :columns]

    classes = [
        jnp.stack([residue_class(i, j) for j in range(stride_w)], axis=3) for i in range(stride_h)
    ]
    out = jnp.stack(classes, axis=2).reshape(len(g), rows * stride_h, columns * stride_w, -1)
    (top, _), (left, _) = window.padding
    return out[:, top : top + x_shape[1], left : left + x_shape[2]]


# 1x1: a dot over the channels.


def _pointwise_forward(window: Window, x: jax.Array, w: jax.Array) -> jax.Array:
    x = x[:, :: window.strides[0], :: window.strides[1]]
    y = _dot(x.reshape(-1, x.shape[3]), w[0, 0])
    return y.reshape(*x.shape[:3], -1)


def _pointwise_input_grad(window: Window, x_shape: Shape, g: jax.Array, w: jax.Array) -> jax.Array:
    dx = _dot(g.reshape(-1, g.shape[3]), w[0, 0], transpose_b=True).reshape(*g.shape[:3], -1)
    # The positions that the stride skips have no gradient.
    gaps = [
        (0, n - (m - 1) * s - 1, s - 1)
        for n, m, s in zip(x_shape[1:3], g.shape[1:3], window.strides, strict=True)
    ]
    return lax.pad(dx, jnp.zeros((), dx.dtype), [(0, 0, 0), *gaps, (0, 0, 0)])


def _pointwise_weight_grad(window: Window, w_shape: Shape, x: jax.Array, g: jax.Array) -> jax.Array:
    x = x[:, :: window.strides[0], :: window.strides[1]]
    dw = kernel_gradient(x.reshape(-1, x.shape[3]), g.reshape(-1, g.shape[3]))
    return dw.reshape(w_shape)


# A kernel as large as the input, as VGG's first dense layer: a dot over all of it.


def _whole_forward(window: Window, x: jax.Array, w: jax.Array) -> jax.Array:
    y = _dot(x.reshape(len(x), -1), w.reshape(-1, w.shape[3]))
    return y.reshape(len(x), 1, 1, -1)


def _whole_input_grad(window: Window, x_shape: Shape, g: jax.Array, w: jax.Array) -> jax.Array:
    dx = _dot(g.reshape(len(g), -1), w.reshape(-1, w.shape[3]), transpose_b=True)
    return dx.reshape(x_shape)


def _whole_weight_grad(window: Window, w_shape: Shape, x: jax.Array, g: jax.Array) -> jax.Array:
    return kernel_gradient(x.reshape(len(x), -1), g.reshape(len(g), -1)).reshape(w_shape)


# Depthwise: sums of shifted products. Output channel c * multiplier + m reads input channel c.


def _depthwise_forward(window: Window, x: jax.Array, w: jax.Array) -> jax.Array:
    kernel, size = w.shape[:2], window.output_size(x.shape[1:3], w.shape[:2])
    x = jnp.repeat(pad_spatial(x, window.padding), w.shape[3] // x.shape[3], axis=3)
    w = w[:, :, 0].astype(jnp.float32)  # [KH, KW, features]
    products = (
        read_offset(x, i, j, window, size).astype(jnp.float32) * w[i, j]
        for i in range(kernel[0])
        for j in range(kernel[1])
    )
    return materialize(reduce(lax.add, products).astype(x.dtype))


def _depthwise_input_grad(window: Window, x_shape: Shape, g: jax.Array, w: jax.Array) -> jax.Array:
    w = w[:, :, 0].astype(jnp.float32)

    def term(i: int, j: int, g: jax.Array) -> jax.Array:
        return g.astype(jnp.float32) * w[i, j]

    dx = scatter_offsets(term, [(g, 0)], window, w.shape[:2], x_shape[1:3])
    return dx.reshape(*x_shape, -1).sum(axis=4).astype(g.dtype)


# Of the gradient that is worked on at a time: with as much of the input it stays in cache.
_CHUNK_BYTES = 2**19


def _depthwise_weight_grad(window: Window, w_shape: Shape, x: jax.Array, g: jax.Array) -> jax.Array:
    (n, rows, columns, features), kernel = g.shape, w_shape[:2]
    (stride, _), (dilation, _) = window.strides, window.dilation
    row_window = window._replace(strides=(1, window.strides[1]))
    x = jnp.repeat(pad_spatial(x, window.padding), features // x.shape[3], axis=3)

    # Some rows of an example, or some examples, so that they are read from memory once and from the
    # cache for each offset; the kernel's rows in a loop: a body per offset takes long to compile.
    rows_in_cache = _CHUNK_BYTES // (4 * columns * features)
    chunk_rows = _largest_divisor(rows, rows_in_cache)
    chunk_n = _largest_divisor(n, rows_in_cache // rows)
    span = (chunk_rows - 1) * stride + (kernel[0] - 1) * dilation + 1
    chunks_of_rows = rows // chunk_rows

    def add_chunk(dw: jax.Array, chunk: jax.Array) -> tuple[jax.Array, None]:
        example, row = chunk // chunks_of_rows * chunk_n, chunk % chunks_of_rows * chunk_rows
        sizes = (chunk_n, chunk_rows, columns, features)
        chunk_g = lax.dynamic_slice(g, (example, row, 0, 0), sizes)
        sizes = (chunk_n, span, x.shape[2], features)
        chunk_x = lax.dynamic_slice(x, (example, row * stride, 0, 0), sizes)

        def dot(read: jax.Array) -> jax.Array:
            return sum_matrix(add_rows(_float32_product, (read, chunk_g)).reshape(-1, features))

        def kernel_row(i: jax.Array) -> jax.Array:
            size = (chunk_rows - 1) * stride + 1
            under = lax.dynamic_slice_in_dim(chunk_x, i * dilation, size, axis=1)[:, ::stride]
            return jnp.stack(
                [dot(r) for r in _row_reads(under, kernel[1], row_window, (chunk_rows, columns))]
            )

        return dw + lax.map(kernel_row, jnp.arange(kernel[0])), None

    chunks = jnp.arange(n // chunk_n * chunks_of_rows)
    dw, _ = lax.scan(add_chunk, jnp.zeros((*kernel, features), jnp.float32), chunks)
    return dw.reshape(w_shape).astype(x.dtype)


def _float32_product(a: jax.Array, b: jax.Array) -> jax.Array:
    return a.astype(jnp.float32) * b.astype(jnp.float32)


def _largest_divisor(n: int, limit: int) -> int:
    """Of `n`, at most `limit`, at least 1."""
    return max((k for k in range(1, min(n, limit) + 1) if n % k == 0), default=1)


def _row_reads(x: jax.Array, width: int, window: Window, size: Sequence[int]) -> list[jax.Array]:
    """`read_offset` for each of a kernel's columns, in its first row."""
    return [read_offset(x, 0, j, window, size) for j in range(width)]


# Dense: the gradient to the kernel as dots of patches with g.

_PATCHES_BYTES = 2**20  # of one dot


def _dense_weight_grad(window: Window, w_shape: Shape, x: jax.Array, g: jax.Array) -> jax.Array:
    kernel, size, features = w_shape[:2], g.shape[1:3], g.shape[3]
    patch = kernel[1] * x.shape[3]  # one row of the kernel

    # A few examples at a time: the patches are KW times the input and must stay in cache.
    def add_examples(dw: jax.Array, examples: tuple[jax.Array, jax.Array]) -> tuple:
        x, g = (a.astype(jnp.float32) for a in examples)
        x = pad_spatial(x, window.padding)
        tall = window._replace(strides=(1, window.strides[1]))
        reads = _row_reads(x, kernel[1], tall, (x.shape[1], size[1]))
        patches = jnp.concatenate(reads, axis=3)  # [n, padded H, OW, KW * C]
        tall = window._replace(dilation=(window.dilation[0], 1), strides=(window.strides[0], 1))
        g = g.reshape(-1, features)
        rows = [
            kernel_gradient(read_offset(patches, i, 0, tall, size).reshape(-1, patch), g)
            for i in range(kernel[0])
        ]
        return dw + jnp.stack(rows), None

    chunk = _largest_divisor(len(x), _PATCHES_BYTES // (4 * math.prod(size) * patch))
    chunks: Any = tuple(a.reshape(-1, chunk, *a.shape[1:]) for a in (x, g))
    dw, _ = lax.scan(add_examples, jnp.zeros((kernel[0], patch, features), jnp.float32), chunks)
    return dw.reshape(w_shape).astype(x.dtype)


# Grouped: XLA takes longer the smaller the groups are, and seconds for the gradient to the kernel.
# So some groups are taken together, as one group with a kernel that is zero but for its diagonal.

_CHANNELS_TOGETHER = 32


def _groups_together(window: Window, channels: int) -> int:
    """How many groups of so many channels become one."""
    return _largest_divisor(window.groups, _CHANNELS_TOGETHER // channels)


def _widen(window: Window, w: jax.Array) -> tuple[Window, jax.Array]:
    """The same convolution with fewer, wider groups."""
    together = _groups_together(window, w.shape[2])
    groups = window.groups // together
    parts = w.reshape(*w.shape[:3], groups, together, -1)
    diagonal = jnp.eye(together, dtype=w.dtype)
    wide = jnp.einsum("hwcgtf,st->hwscgtf", parts, diagonal)
    shape = (*w.shape[:2], together * w.shape[2], w.shape[3])
    return window._replace(groups=groups), wide.reshape(shape)


def _grouped_forward(window: Window, x: jax.Array, w: jax.Array) -> jax.Array:
    window, w = _widen(window, w)
    return _xla_forward(window, x, w)


def _grouped_input_grad(window: Window, x_shape: Shape, g: jax.Array, w: jax.Array) -> jax.Array:
    window, w = _widen(window, w)
    return _xla_input_grad(window, x_shape, g, w)


def _grouped_weight_grad(window: Window, w_shape: Shape, x: jax.Array, g: jax.Array) -> jax.Array:
    channels, features = w_shape[2], w_shape[3] // window.groups  # of a group
    together = _groups_together(window, channels)
    shape = (*w_shape[:2], together * channels, together * features)
    dense = window._replace(groups=1)

    def of_groups(first: jax.Array) -> jax.Array:
        x_part = lax.dynamic_slice_in_dim(x, first * channels, shape[2], axis=3)
        g_part = lax.dynamic_slice_in_dim(g, first * features, shape[3], axis=3)
        dw = _dense_weight_grad(dense, shape, x_part, g_part)
        dw = dw.reshape(*w_shape[:2], together, channels, together, features)
        return jnp.diagonal(dw, axis1=2, axis2=4)  # [KH, KW, channels, features, together]

    dw = lax.map(of_groups, jnp.arange(0, window.groups, together))
    return jnp.moveaxis(dw, (0, 5, 4), (3, 4, 5)).reshape(w_shape)


_XLA = _Lowering(_xla_forward, _xla_input_grad, _xla_weight_grad)
_DENSE = _Lowering(_xla_forward, _xla_input_grad, _dense_weight_grad)
_POINTWISE = _Lowering(_pointwise_forward, _pointwise_input_grad, _pointwise_weight_grad)
_WHOLE = _Lowering(_whole_forward, _whole_input_grad, _whole_weight_grad)
_GROUPED = _Lowering(_grouped_forward, _grouped_input_grad, _grouped_weight_grad)
_ONE_CHANNEL = _Lowering(_depthwise_forward, _xla_input_grad, _xla_weight_grad)
_DEPTHWISE = _Lowering(_depthwise_forward, _depthwise_input_grad, _depthwise_weight_grad)
# Products of matrices, where the general convolution is no faster.
_DOTS = (_POINTWISE, _WHOLE)
