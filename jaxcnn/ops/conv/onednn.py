"""Convolutions that oneDNN computes, dense, grouped and depthwise: forward, and back to the input.

The gradient to the input is a convolution, too; of one that strides, several: one for each residue
of the input's positions modulo the stride. Measured against XLA's, as `cpu` says; the gradients to
the kernel are other files':

    convolution                       batch    XLA                 here
    3x3, 56x56, 64 -> 64                 16    21 / 21 / 26        16 / 17 / 26
    3x3, 56x56, 128 -> 32                16    25 / 18 / 27        17 / 17 / 26
    7x7 stride 2, 224x224, 3 -> 64       16    30 / 142 / 35       32 / 100 / 37

For what a call of oneDNN costs, and where there is one, see `jaxcnn.xla.onednn`.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jaxcnn.ops.conv.window import Shape, Sliding, transposed_kernel, transposed_padding
from jaxcnn.xla import onednn, support


def forward_pays(window: Sliding, x: jax.Array, w: jax.Array) -> bool:
    """Whether `forward` is right for the window and worth its call."""
    positions = len(x) * math.prod(window.output_size(x.shape[1:3], w.shape[:2]))
    return _fits(window.padding, window, w) and _pays(positions, x, w)


def input_grad_pays(window: Sliding, x_shape: Shape, g: jax.Array, w: jax.Array) -> bool:
    """Whether `input_grad` is right for the window and worth its calls."""
    if window.strides == (1, 1):
        fits = _fits(transposed_padding(window, w.shape), window, w)
    else:
        # Depthwise ones multiply too little to repay putting the classes together.
        is_depthwise = 1 < window.groups == x_shape[3]
        fits = window.dilation == (1, 1) and _fits(window.padding, window, w) and not is_depthwise
    return fits and _pays(math.prod(g.shape[:3]), g, w)


def forward(window: Sliding, x: jax.Array, w: jax.Array) -> jax.Array:
    return onednn.convolution(window.strides, window.padding, window.dilation, window.groups, x, w)


def input_grad(window: Sliding, x_shape: Shape, g: jax.Array, w: jax.Array) -> jax.Array:
    if window.strides == (1, 1):
        return _plain_input_grad(window, g, w)
    return _strided_input_grad(window, x_shape, g, w)


def _fits(padding: Sequence[tuple[int, int]], window: Sliding, w: jax.Array) -> bool:
    """Whether each side's padding is such that every position of the kernel meets the input."""
    spans = ((k - 1) * d for k, d in zip(w.shape[:2], window.dilation, strict=True))
    return all(0 <= pad <= span for pads, span in zip(padding, spans, strict=True) for pad in pads)


def _pays(positions: int, a: jax.Array, w: jax.Array) -> bool:
    return onednn.pays(support.CONVOLUTION, positions * w.size, a, w)


def _plain_input_grad(window: Sliding, g: jax.Array, w: jax.Array) -> jax.Array:
    turned = window._replace(padding=transposed_padding(window, w.shape))
    return forward(turned, g, transposed_kernel(w, window.groups))


def _strided_input_grad(window: Sliding, x_shape: Shape, g: jax.Array, w: jax.Array) -> jax.Array:
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
        out = forward(whole, g, transposed_kernel(part, window.groups))
        return out[:, :rows, :columns]

    classes = [
        jnp.stack([residue_class(i, j) for j in range(stride_w)], axis=3) for i in range(stride_h)
    ]
    out = jnp.stack(classes, axis=2).reshape(len(g), rows * stride_h, columns * stride_w, -1)
    (top, _), (left, _) = window.padding
    return out[:, top : top + x_shape[1], left : left + x_shape[2]]
