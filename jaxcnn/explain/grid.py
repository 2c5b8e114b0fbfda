"""Many small pictures in one array."""

import math

import jax
import jax.numpy as jnp

GAP = 1.0  # White, between pictures.


def grid(pictures: jax.Array, columns: int | None = None) -> jax.Array:
    """Pictures [K, h, w, C] in [0, 1], row by row: [rows * (h + 1) - 1, columns * (w + 1) - 1, C].

    As wide as high if `columns` is not given. A white pixel lies between two; places left over in
    the last row are white.
    """
    number, height, width, channels = pictures.shape
    columns = columns or math.ceil(math.sqrt(number))
    rows = math.ceil(number / columns)
    pad = ((0, rows * columns - number), (0, 1), (0, 1), (0, 0))
    cells = jnp.pad(pictures, pad, constant_values=GAP)
    cells = cells.reshape(rows, columns, height + 1, width + 1, channels).swapaxes(1, 2)
    return cells.reshape(rows * (height + 1), columns * (width + 1), channels)[:-1, :-1]


def around_grey(values: jax.Array) -> jax.Array:
    """Pictures [K, h, w, C] of signed values, each brought to [0, 1]: 0 is grey, at 0.5.

    The largest absolute value of a picture comes to 0 or 1; one of zeros is grey.
    """
    most = jnp.abs(values).max((1, 2, 3), keepdims=True)
    return 0.5 + 0.5 * values / jnp.where(most == 0, 1.0, most)
