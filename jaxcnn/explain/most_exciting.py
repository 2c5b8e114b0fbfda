"""The images that most excite a channel, and where.

As in Zeiler & Fergus, 2014, section 4, https://arxiv.org/abs/1311.2901.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcnn.errors import UserError
from jaxcnn.explain.stages import stages
from jaxcnn.models.spec import Variables
from jaxcnn.models.tools.features import of_taps


class Exciting(NamedTuple):
    """Images, the most exciting one first.

    Attributes:
        values: float32 [k], the channel's largest value in each.
        indices: int [k], the image's place among all that were given, from 0.
        cells: int [k, 2], row and column of that value in the map; zeros of features [N, C].
        images: [k, H, W, C], as they were given.
    """

    values: np.ndarray
    indices: np.ndarray
    cells: np.ndarray
    images: np.ndarray


def most_exciting(
    model: nn.Module,
    variables: Variables,
    batches: Iterable[Any],
    stage: str,
    channel: int,
    k: int,
) -> Exciting:
    """The `k` images in which a channel's largest value is largest, or all if they are fewer.

    Of equal ones the earlier is first. No more than `k` images and a batch are kept in memory.

    Args:
        model: a network that taps its stages (`jaxcnn.layers.tap`).
        variables: its own.
        batches: arrays of images [N, H, W, C], normalised and of one size; N may differ.
        stage: name of a tap, a map or features.
        channel: from 0.
        k: how many.

    Raises UserError for an unknown stage or channel, k below 1, or no images.
    """
    if k < 1:
        raise UserError(f"k={k} is out of range; it must be above 0")
    best: Exciting | None = None
    seen = 0
    for batch in batches:
        images = np.asarray(batch)
        if best is None:
            _check(model, variables, images, stage, channel)
        values, cells = jax.device_get(_largest(model, variables, images, stage, channel))
        found = Exciting(values, seen + np.arange(len(images)), cells, images)
        seen += len(images)
        if best is not None:
            found = Exciting(*(np.concatenate(pair) for pair in zip(best, found, strict=True)))
        order = np.argsort(-found.values, kind="stable")[:k]
        best = Exciting(*(field[order] for field in found))
    if best is None:
        raise UserError("there are no images; give at least one batch")
    return best


@partial(jax.jit, static_argnums=(0, 3))  # Compiled once for all channels of a stage.
def _largest(
    model: nn.Module, variables: Variables, images: Any, stage: str, channel: Any
) -> tuple[jax.Array, jax.Array]:
    """Values [N] and cells [N, 2]."""
    _, tapped = model.apply(variables, images, train=False, mutable=["stages"])
    of_channel = of_taps(tapped)[stage][..., channel].astype(jnp.float32)
    maps = of_channel[:, None, None] if of_channel.ndim == 1 else of_channel
    flat = maps.reshape(len(maps), -1)
    cell = jnp.stack(jnp.unravel_index(flat.argmax(1), maps.shape[1:]), -1)
    return flat.max(1), cell


def _check(
    model: nn.Module, variables: Variables, images: np.ndarray, stage: str, channel: int
) -> None:
    shapes = stages(model, variables, jnp.asarray(images))
    if stage not in shapes:
        name = type(model).__name__
        raise UserError(f"{name} has no stage {stage!r}; its stages are {', '.join(shapes)}")
    channels = shapes[stage].shape[-1]
    if not 0 <= channel < channels:
        raise UserError(f"channel={channel} is out of range; {stage} has 0 to {channels - 1}")
