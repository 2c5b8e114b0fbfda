"""Pooling over [N, H, W, C], lowered per platform as convolution is: see `jaxcnn.ops.conv`.

On CPU a sum or maximum of shifted slices, and a gradient that gathers where XLA's
select-and-scatter walks one window after the other. On GPU the maximum's gradient gathers too: XLA
adds by atomics there, in an order that changes from run to run, or sorts all that is to be added.
"""

import math
from collections.abc import Sequence
from functools import partial, reduce

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.ops.batch_innermost import batch_first, batch_last, pays
from jaxcnn.ops.conv import Padding, Shape, Sliding, pad_spatial, read_offset, scatter_offsets
from jaxcnn.xla.platform import per_platform

IntOrPair = int | tuple[int, int]


def max_pool(
    x: jax.Array,
    window: IntOrPair,
    strides: IntOrPair | None = None,
    padding: IntOrPair | Padding = 0,
) -> jax.Array:
    """Largest value of each window; the gradient goes to its first maximum in row-major order.

    Args:
        x: [N, H, W, C], floating point.
        window: height and width; an integer is both.
        strides: `window` if None.
        padding: "SAME", "VALID", (low, high) per spatial dimension, an integer for all four sides,
            or an integer per dimension. Padding never is the maximum.

    Returns:
        [N, OH, OW, C], `x.dtype`.

    Raises:
        ValueError: if the window does not fit into the padded input, or fits into the padding.
    """
    kernel, how = _window(x, window, strides, padding)
    return _max_pool(how, kernel, x)


def avg_pool(
    x: jax.Array,
    window: IntOrPair,
    strides: IntOrPair | None = None,
    padding: IntOrPair | Padding = 0,
    count_include_pad: bool = True,
) -> jax.Array:
    """Mean of each window, summed in float32.

    Args:
        count_include_pad: divide by the window's area, as PyTorch does by default; else by the
            number of positions of it inside the input.

    The other arguments, the result and the errors are `max_pool`'s.
    """
    kernel, how = _window(x, window, strides, padding)
    total: jax.Array = _sum_pool(how, kernel, x.astype(jnp.float32))
    if count_include_pad:
        return (total / math.prod(kernel)).astype(x.dtype)
    ones = jnp.ones((1, *x.shape[1:3], 1), jnp.float32)
    counts: jax.Array = _sum_pool(how, kernel, ones)
    return (total / counts).astype(x.dtype)


def global_avg_pool(x: jax.Array) -> jax.Array:
    """[N, H, W, C] -> [N, C]: mean over the positions, summed in float32, in `x.dtype`."""
    return x.mean(axis=(1, 2), dtype=jnp.float32).astype(x.dtype)


def _window(
    x: jax.Array, window: IntOrPair, strides: IntOrPair | None, padding: IntOrPair | Padding
) -> tuple[tuple[int, int], Sliding]:
    if x.ndim != 4:
        raise ValueError(f"pooling takes [N, H, W, C]; got shape {x.shape}")
    kernel = _pair(window)
    steps = kernel if strides is None else _pair(strides)
    if isinstance(padding, str):
        pads = lax.padtype_to_pads(x.shape[1:3], kernel, steps, padding)
    else:
        pads = [_pair(p) for p in _pair(padding)]
    how = Sliding(strides=steps, padding=tuple((int(lo), int(hi)) for lo, hi in pads))
    if 0 in how.output_size(x.shape[1:3], kernel):
        raise ValueError(f"a {kernel} window does not fit into {x.shape[1:3]} padded by {pads}")
    if any(max(pads) >= k for pads, k in zip(how.padding, kernel, strict=True)):
        raise ValueError(f"padding {how.padding} must be smaller than the window {kernel}")
    return kernel, how


def _pair(value: int | Sequence) -> tuple:
    return (value, value) if isinstance(value, int) else tuple(value)


# The gradient of the sum is linear in g and has the sum as its own gradient.


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _sum_pool(how: Sliding, kernel: tuple[int, int], x: jax.Array) -> jax.Array:
    return per_platform(_cpu_sum, _xla_sum, (how, kernel), x)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _sum_pool_grad(how: Sliding, kernel: tuple[int, int], shape: Shape, g: jax.Array) -> jax.Array:
    return per_platform(_cpu_sum_grad, _xla_sum_grad, (how, kernel, shape), g)


_sum_pool.defvjp(
    lambda how, kernel, x: (_sum_pool(how, kernel, x), x.shape),
    lambda how, kernel, shape, g: (_sum_pool_grad(how, kernel, shape, g),),
)
_sum_pool_grad.defvjp(
    lambda how, kernel, shape, g: (_sum_pool_grad(how, kernel, shape, g), None),
    lambda how, kernel, shape, _, ct: (_sum_pool(how, kernel, ct),),
)


def _xla_sum(how: Sliding, kernel: tuple[int, int], x: jax.Array) -> jax.Array:
    pads = ((0, 0), *how.padding, (0, 0))
    return lax.reduce_window(x, 0.0, lax.add, (1, *kernel, 1), (1, *how.strides, 1), pads)


def _xla_sum_grad(how: Sliding, kernel: tuple[int, int], shape: Shape, g: jax.Array) -> jax.Array:
    x = jax.ShapeDtypeStruct(shape, g.dtype)
    return jax.linear_transpose(partial(_xla_sum, how, kernel), x)(g)[0]


def _cpu_sum(how: Sliding, kernel: tuple[int, int], x: jax.Array) -> jax.Array:
    if pays(len(x), x.shape[3]):
        return batch_first(_sum_of_reads(how, kernel, batch_last(x)))
    return _sum_of_reads(how, kernel, x)


def _sum_of_reads(how: Sliding, kernel: tuple[int, int], x: jax.Array) -> jax.Array:
    size = how.output_size(x.shape[1:3], kernel)
    return reduce(lax.add, _reads(how, kernel, size, pad_spatial(x, how.padding)))


def _cpu_sum_grad(how: Sliding, kernel: tuple[int, int], shape: Shape, g: jax.Array) -> jax.Array:
    if pays(len(g), g.shape[3]):
        return batch_first(_scatter_sum(how, kernel, shape[1:3], batch_last(g)))
    return _scatter_sum(how, kernel, shape[1:3], g)


def _scatter_sum(how: Sliding, kernel: tuple[int, int], size: Shape, g: jax.Array) -> jax.Array:
    a, height, width, b = g.shape
    if how == Sliding(kernel, ((0, 0), (0, 0))) and how.output_size(size, kernel) == (
        size[0] / kernel[0],
        size[1] / kernel[1],
    ):
        # Each position is in one window: what reads the gradient reads g.
        spread = (a, height, kernel[0], width, kernel[1], b)
        return jnp.broadcast_to(g[:, :, None, :, None], spread).reshape(a, *size, b)
    return scatter_offsets(lambda i, j, g: g, [(g, 0)], how, kernel, size)


def _reads(
    how: Sliding, kernel: tuple[int, int], size: tuple[int, ...], x: jax.Array
) -> list[jax.Array]:
    """What each offset of the windows reads from the padded `x`, in row-major order."""
    return [read_offset(x, i, j, how, size) for i in range(kernel[0]) for j in range(kernel[1])]


# Max: with the argmax held fixed, the gradient scatters and the tangent gathers; each is the
# other's gradient. Neither depends on x but through the argmax, so x gets no second derivative.


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _max_pool(how: Sliding, kernel: tuple[int, int], x: jax.Array) -> jax.Array:
    return per_platform(_cpu_max, _xla_max, (how, kernel), x)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _max_scatter(how: Sliding, kernel: tuple[int, int], x: jax.Array, g: jax.Array) -> jax.Array:
    return per_platform(
        _cpu_max_scatter, _xla_max_scatter, (how, kernel), x, g, gpu=_gpu_max_scatter
    )


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _max_gather(how: Sliding, kernel: tuple[int, int], x: jax.Array, t: jax.Array) -> jax.Array:
    return per_platform(_cpu_max_gather, _xla_max_gather, (how, kernel), x, t)


_max_pool.defvjp(
    lambda how, kernel, x: (_max_pool(how, kernel, x), x),
    lambda how, kernel, x, g: (_max_scatter(how, kernel, x, g),),
)
_max_scatter.defvjp(
    lambda how, kernel, x, g: (_max_scatter(how, kernel, x, g), x),
    lambda how, kernel, x, ct: (jnp.zeros_like(x), _max_gather(how, kernel, x, ct)),
)
_max_gather.defvjp(
    lambda how, kernel, x, t: (_max_gather(how, kernel, x, t), x),
    lambda how, kernel, x, ct: (jnp.zeros_like(x), _max_scatter(how, kernel, x, ct)),
)


def _xla_max(how: Sliding, kernel: tuple[int, int], x: jax.Array) -> jax.Array:
    pads = ((0, 0), *how.padding, (0, 0))
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, *kernel, 1), (1, *how.strides, 1), pads)


def _xla_max_scatter(
    how: Sliding, kernel: tuple[int, int], x: jax.Array, g: jax.Array
) -> jax.Array:
    return jax.vjp(partial(_xla_max, how, kernel), x)[1](g)[0]


def _xla_max_gather(how: Sliding, kernel: tuple[int, int], x: jax.Array, t: jax.Array) -> jax.Array:
    return jax.jvp(partial(_xla_max, how, kernel), (x,), (t,))[1]


def _cpu_max(how: Sliding, kernel: tuple[int, int], x: jax.Array) -> jax.Array:
    size = how.output_size(x.shape[1:3], kernel)
    first, *others = _reads(how, kernel, size, pad_spatial(x, how.padding, -jnp.inf))
    for other in others:
        first = jnp.maximum(first, other)
    return first


def _argmax(how: Sliding, kernel: tuple[int, int], x: jax.Array) -> jax.Array:
    """Which offset, counted in row-major order, is each window's first maximum."""
    size = how.output_size(x.shape[1:3], kernel)
    best, *others = _reads(how, kernel, size, pad_spatial(x, how.padding, -jnp.inf))
    where = jnp.zeros(best.shape, jnp.int32)
    for offset, other in enumerate(others, start=1):
        where = jnp.where(other > best, offset, where)
        best = jnp.maximum(best, other)
    return where


def _cpu_max_scatter(
    how: Sliding, kernel: tuple[int, int], x: jax.Array, g: jax.Array
) -> jax.Array:
    def term(i: int, j: int, where: jax.Array, g: jax.Array) -> jax.Array:
        return jnp.where(where == i * kernel[1] + j, g.astype(jnp.float32), 0)

    where = _argmax(how, kernel, x)
    return scatter_offsets(term, [(where, -1), (g, 0)], how, kernel, x.shape[1:3]).astype(g.dtype)


def _gpu_max_scatter(
    how: Sliding, kernel: tuple[int, int], x: jax.Array, g: jax.Array
) -> jax.Array:
    """In two loops: one reads x and writes a byte a window, the other writes the gradient.

    What an offset sends lies `stride` apart, so that each is a padding of the windows' own grid:
    XLA joins paddings and their sum into one loop, which reads a window only where it sends
    something.
    """
    # With no barrier XLA may look for the maximum anew for each offset.
    where = lax.optimization_barrier(_argmax(how, kernel, x).astype(jnp.int8))
    size = [n + lo + hi for n, (lo, hi) in zip(x.shape[1:3], how.padding, strict=True)]

    def sent(i: int, j: int) -> jax.Array:
        chosen = jnp.where(where == i * kernel[1] + j, g, 0)
        gaps = [
            (k, n - k - (m - 1) * s - 1, s - 1)
            for k, n, m, s in zip((i, j), size, g.shape[1:3], how.strides, strict=True)
        ]
        spread = lax.pad(chosen, jnp.zeros((), g.dtype), [(0, 0, 0), *gaps, (0, 0, 0)])
        return spread.astype(jnp.float32)

    total = reduce(lax.add, [sent(i, j) for i in range(kernel[0]) for j in range(kernel[1])])
    (top, _), (left, _) = how.padding
    height, width = x.shape[1:3]
    return total[:, top : top + height, left : left + width].astype(g.dtype)


def _cpu_max_gather(how: Sliding, kernel: tuple[int, int], x: jax.Array, t: jax.Array) -> jax.Array:
    size = how.output_size(x.shape[1:3], kernel)
    where = _argmax(how, kernel, x)
    reads = _reads(how, kernel, size, pad_spatial(t, how.padding))
    chosen = (jnp.where(where == offset, read, 0) for offset, read in enumerate(reads))
    return reduce(lax.add, chosen)
