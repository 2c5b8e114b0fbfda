"""Whether a map says what the network goes by: pixels are taken away, or given, in its order.

Petsiuk et al., 2018 (RISE), https://arxiv.org/abs/1806.07421; by squares of pixels as
in Samek et al., 2017, https://arxiv.org/abs/1509.06321.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.errors import UserError
from jaxcnn.explain.scores import of_class
from jaxcnn.models.spec import Variables

BLUR = 1 / 20  # Of the image's side: the deviation of the blur that insertion begins with.


class Curve(NamedTuple):
    """How a class's probability goes as pixels are changed.

    Attributes:
        probabilities: [N, steps + 1]; after step i the share i / steps of the squares is changed.
        area: [N], under that curve, by trapezia; 1 if the class were certain all along.
    """

    probabilities: jax.Array
    area: jax.Array


def deletion(
    model: nn.Module,
    variables: Variables,
    images: jax.Array,
    classes: jax.Array,
    maps: jax.Array,
    steps: int = 28,
    square: int = 1,
    *,
    probabilities: Callable[[jax.Array], jax.Array] = jax.nn.softmax,
) -> Curve:
    """The class's probability as the map's highest pixels are taken away first.

    The smaller the area, the better the map names what the network needs. Deleted pixels are 0, the
    data's mean colour. What an area is worth is its difference from that of a random order,
    `maps=jax.random.uniform(key, maps.shape)`, deleted in the same squares: single pixels deleted
    at random are noise that most networks take badly, which any smooth map would look poor beside.

    Args:
        model: any network.
        variables: its own.
        images: [N, H, W, C], normalised.
        classes: int [N], whose probability is followed.
        maps: [N, H, W], what is highest goes first; of equals the upper left.
        steps: of equal size; the network runs steps + 1 times.
        square: side in pixels of what is changed at a time, by the map's mean in it; 1 is RISE's.
        probabilities: logits [N, K] -> [N, K]; `jax.nn.sigmoid` where images show several classes.

    Raises UserError for maps that are not [N, H, W], or steps or squares below 1.
    """
    start, end = images, jnp.zeros_like(images)
    return _curve(
        model, variables, start, end, classes, maps, steps, square, probabilities=probabilities
    )


def insertion(
    model: nn.Module,
    variables: Variables,
    images: jax.Array,
    classes: jax.Array,
    maps: jax.Array,
    steps: int = 28,
    square: int = 1,
    *,
    probabilities: Callable[[jax.Array], jax.Array] = jax.nn.softmax,
) -> Curve:
    """The class's probability as the map's highest pixels come first into the blurred image.

    The larger the area, the better. Arguments and errors are those of `deletion`.
    """
    start, end = blurred(images), images
    return _curve(
        model, variables, start, end, classes, maps, steps, square, probabilities=probabilities
    )


def blurred(images: jax.Array) -> jax.Array:
    """[N, H, W, C] of the same shape, by a Gaussian of a twentieth of each side; edges count whole
    weights of what is inside."""

    def weights(pixels: int) -> jax.Array:
        place = jnp.arange(pixels)
        exponent = -0.5 * ((place[:, None] - place) / (BLUR * pixels)) ** 2
        return jax.nn.softmax(exponent)  # [pixels, pixels], of each pixel what it takes of others.

    down, right = (weights(pixels).astype(images.dtype) for pixels in images.shape[1:3])
    return jnp.einsum("ih,jw,nhwc->nijc", down, right, images, precision="highest")


def ranks(maps: jax.Array, square: int) -> jax.Array:
    """When each pixel's turn is, from 0: int [N, H, W], the same within a square."""
    n, height, width = maps.shape
    rows, columns = math.ceil(height / square), math.ceil(width / square)
    pad = ((0, 0), (0, rows * square - height), (0, columns * square - width))

    def sums(values: jax.Array) -> jax.Array:
        tiles = jnp.pad(values, pad).reshape(n, rows, square, columns, square)
        return tiles.sum((2, 4))

    means = sums(maps) / sums(jnp.ones_like(maps))  # Squares at the edge may be smaller.
    order = jnp.argsort(-means.reshape(n, -1), axis=1, stable=True)
    rank = jnp.argsort(order, axis=1).reshape(n, rows, columns)
    return rank.repeat(square, 1).repeat(square, 2)[:, :height, :width]


def _curve(
    model: nn.Module,
    variables: Variables,
    start: jax.Array,
    end: jax.Array,
    classes: jax.Array,
    maps: jax.Array,
    steps: int,
    square: int,
    *,
    probabilities: Callable[[jax.Array], jax.Array],
) -> Curve:
    if maps.shape != start.shape[:3]:
        raise UserError(f"maps are [N, H, W], here {start.shape[:3]}; got {maps.shape}")
    if steps < 1 or square < 1:
        raise UserError(f"steps={steps}, square={square} are out of range; both must be above 0")
    rank = ranks(maps, square)[..., None]
    squares = math.ceil(maps.shape[1] / square) * math.ceil(maps.shape[2] / square)
    changed = jnp.round(jnp.linspace(0, squares, steps + 1))

    def probability(number: jax.Array) -> jax.Array:
        logits: Any = model.apply(variables, jnp.where(rank < number, end, start), train=False)
        return of_class(probabilities(logits), classes)

    curve = jax.lax.map(probability, changed).T  # [N, steps + 1]
    return Curve(curve, (curve[:, :-1] + curve[:, 1:]).mean(1) / 2)
