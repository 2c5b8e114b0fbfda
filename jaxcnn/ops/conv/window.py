"""How a convolution or a pooling reads its input: the arithmetic of windows over [N, H, W, C].

`read_offset` is what one position of the kernel sees, `scatter_offsets` its adjoint: operations
that are sums over the kernel's positions are written with the two.
"""

from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

Padding = str | Sequence[tuple[int, int]]
Shape = tuple[int, ...]


class Sliding(NamedTuple):
    """How a window goes over the input: all that is static about a convolution but the shapes."""

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


def pad_spatial(x: jax.Array, padding: Sequence[tuple[int, int]], value: float = 0) -> jax.Array:
    """[N, H, W, C] with `padding` = ((top, bottom), (left, right)); negative crops."""
    config = [(0, 0, 0), *((lo, hi, 0) for lo, hi in padding), (0, 0, 0)]
    return lax.pad(x, jnp.asarray(value, x.dtype), config)


def read_offset(x: jax.Array, i: int, j: int, window: Sliding, size: Sequence[int]) -> jax.Array:
    """What offset (i, j) of every window reads from the padded `x`: [N, OH, OW, C]."""
    starts = (i * window.dilation[0], j * window.dilation[1])
    limits = [a + (n - 1) * s + 1 for a, n, s in zip(starts, size, window.strides, strict=True)]
    return lax.slice(x, (0, *starts, 0), (x.shape[0], *limits, x.shape[3]), (1, *window.strides, 1))


def scatter_offsets(
    term: Callable[..., jax.Array],
    arrays: Sequence[tuple[jax.Array, float]],
    window: Sliding,
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


def transposed_kernel(w: jax.Array, groups: int) -> jax.Array:
    """[KH, KW, C / groups, features] -> [KH, KW, features / groups, C], turned over."""
    height, width, channels, features = w.shape
    parts = w[::-1, ::-1].reshape(height, width, channels, groups, -1)
    return parts.transpose(0, 1, 4, 3, 2).reshape(
        height, width, features // groups, channels * groups
    )


def transposed_padding(window: Sliding, w_shape: Shape) -> tuple[tuple[int, int], ...]:
    """Of the convolution that is the gradient to the input of one with stride 1."""
    spans = ((k - 1) * d for k, d in zip(w_shape[:2], window.dilation, strict=True))
    return tuple(
        (span - lo, span - hi) for span, (lo, hi) in zip(spans, window.padding, strict=True)
    )


def row_reads(x: jax.Array, width: int, window: Sliding, size: Sequence[int]) -> list[jax.Array]:
    """`read_offset` for each of a kernel's columns, in its first row."""
    return [read_offset(x, 0, j, window, size) for j in range(width)]
