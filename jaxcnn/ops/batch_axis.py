"""The axis that devices share a batch over, where each computes its own rows (`jax.pmap`).

Under `jit` over a mesh there is none: arrays are global, and so are sums over them. A function that
is mapped over `BATCH_AXIS` sees a part of the batch; what these functions give is the same in both
cases, so that a model is written once.
"""

from collections.abc import Callable
from typing import TypeVar

import jax
from jax import lax

T = TypeVar("T")

BATCH_AXIS = "batch"


def batch_axis() -> str | None:
    """`BATCH_AXIS` inside a function that is mapped over it, else None."""
    try:
        lax.axis_size(BATCH_AXIS)
    except NameError:  # What JAX raises for a name that is not bound.
        return None
    return BATCH_AXIS


def sum_over_devices(values: T) -> T:
    """A tree of sums over a device's rows -> of those over the whole batch's."""
    axis = batch_axis()
    return values if axis is None else lax.psum(values, axis)


def mean_over_devices(values: T) -> T:
    """A tree of means over a device's rows -> of those over the whole batch's."""
    axis = batch_axis()
    return values if axis is None else lax.pmean(values, axis)


def mirrored_rows(x: jax.Array) -> jax.Array:
    """x [N, ...] with the rows of the whole batch in reverse; those of this device."""
    axis = batch_axis()
    if axis is not None:
        last = lax.axis_size(axis) - 1
        x = lax.ppermute(x, axis, [(i, last - i) for i in range(last + 1)])
    return x[::-1]


def draw_rows(draw: Callable[[tuple[int, ...]], jax.Array], shape: tuple[int, ...]) -> jax.Array:
    """`draw(shape)`, where a device's rows, `shape[0]`, are those of the whole batch's draw.

    The compiler computes no more of it than is used.
    """
    axis = batch_axis()
    if axis is None:
        return draw(shape)
    rows = shape[0]
    whole = draw((lax.axis_size(axis) * rows, *shape[1:]))
    return lax.dynamic_slice_in_dim(whole, lax.axis_index(axis) * rows, rows)
