"""Occlusion: how much less probable a class gets when a part of the image is covered.

Zeiler & Fergus, 2014, section 4.2, https://arxiv.org/abs/1311.2901.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.errors import UserError
from jaxcnn.explain.scores import of_class
from jaxcnn.models.spec import Variables


def occlusion(
    model: nn.Module,
    variables: Variables,
    images: jax.Array,
    classes: jax.Array,
    size: int,
    stride: int,
    *,
    probabilities: Callable[[jax.Array], jax.Array] = jax.nn.softmax,
) -> jax.Array:
    """The class's probability less that with a square covered: [N, H', W'], in [-1, 1].

    H' = (H - size) // stride + 1: element (i, j) is for the square whose upper left pixel is
    (i * stride, j * stride). A square is covered with 0, the data's mean colour, where the paper
    has grey. The network runs H' * W' + 1 times, one after the other.

    Checked on 10 photographs (docs/explain.md): deleting squares in its order is no better than a
    random order, inserting them is on each.

    Args:
        model: any network.
        variables: its own.
        images: [N, H, W, C], normalised.
        classes: int [N], what to explain of each image.
        size: side of the square in pixels.
        stride: pixels from one square to the next.
        probabilities: logits [N, K] -> [N, K]; `jax.nn.sigmoid` where images show several classes.

    Raises UserError for a square that does not fit the images, or a stride below 1.
    """
    n, height, width, channels = images.shape
    if not 1 <= size <= min(height, width):
        raise UserError(
            f"a square of {size} pixels does not fit images of {height}x{width}; "
            f"give 1 to {min(height, width)}"
        )
    if stride < 1:
        raise UserError(f"stride={stride} is out of range; it must be above 0")
    rows, columns = (
        jnp.arange(0, height - size + 1, stride),
        jnp.arange(0, width - size + 1, stride),
    )
    corners = jnp.stack(jnp.meshgrid(rows, columns, indexing="ij"), -1).reshape(-1, 2)
    square = jnp.zeros((n, size, size, channels), images.dtype)

    def probability(images: jax.Array) -> jax.Array:
        logits: Any = model.apply(variables, images, train=False)
        return of_class(probabilities(logits), classes)

    def covered(corner: jax.Array) -> jax.Array:
        return probability(jax.lax.dynamic_update_slice(images, square, (0, *corner, 0)))

    drops = probability(images) - jax.lax.map(covered, corners)  # [H' * W', N]
    return drops.T.reshape(n, len(rows), len(columns))
