"""What a model file says of each of its variants, and how any model is initialised."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcnn.errors import UserError

Variables = dict[str, Any]
# Of an ImageNet network: its own, which leaves a quarter or a half of an image's sides, or one for
# thumbnails, which leaves all of them: convolutions of 3x3 that do not stride, and no pooling.
Stem = Literal["imagenet", "small"]


@dataclass(frozen=True)
class LayerOrder:
    """Which of a model's own modules and parameters are of which layer; timm's `group_matcher`.

    Each field is a regular expression that a name begins with.

    Attributes:
        stem: of the first layer.
        blocks: of those that follow, in the order of the numbers, or single letters, that its
            groups find; one that finds nothing counts as 0.
        closing: of the last of these too.

    What is left, the head's, is of a layer of its own, the last.
    """

    stem: str
    blocks: str
    closing: str | None = None

    def numbers(self, names: Iterable[str]) -> dict[str, int]:
        """The layer of each of a model's top names, from 0."""
        places = {name: self._place(name) for name in names}
        order = sorted({place for place in places.values() if place != _CLOSING})
        order_of = {place: number for number, place in enumerate(order)}
        order_of[_CLOSING] = max(order_of[place] for place in order if place < _CLOSING)
        return {name: order_of[place] for name, place in places.items()}

    def _place(self, name: str) -> tuple[int, ...]:
        if re.match(self.stem, name):
            return _STEM
        if found := re.match(self.blocks, name):
            return (*_BLOCKS, *map(_ordinal, found.groups()))
        return _CLOSING if self.closing and re.match(self.closing, name) else _HEAD


def _ordinal(found: str | None) -> int:
    """Of a number itself, of a letter its place in the alphabet, of nothing 0."""
    if not found:
        return 0
    return int(found) if found.isdecimal() else ord(found) - ord("a") + 1


_STEM, _BLOCKS, _CLOSING, _HEAD = (0,), (1,), (2,), (3,)


@dataclass(frozen=True)
class ModelSpec:
    """One row of a family's table.

    Attributes:
        make: `make(num_classes=, dtype=, **overrides) -> nn.Module`.
        num_params: the published parameter count, at `image_size`, `channels` and `num_classes`;
            None of a user's own model (see `jaxcnn.models.tools.size_and_work`).
        gmacs: multiply-accumulates of one image's forward pass, in 1e9, at `image_size`; likewise.
        image_size: height and width in pixels that the paper trains at.
        channels: image channels that the paper trains with.
        num_classes: the classes that `num_params` and `gmacs` count.
        thumbnail_size: what images of 32 pixels or less are best brought to: the least that the
            arithmetic allows where that is more than 32.
        paper: URL.
        layers: the order of the model's layers, where they make one.
        torch_names: rows `(regular expression, replacement)` that turn our module paths, joined
            by dots, into those of timm (torchvision where timm lacks the model). What they leave
            is translated by the rule all families share: `layer1_0.conv1` is `layer1.0.conv1`.
        stats_of_images: `stats_of_images(batch_stats, images) -> batch_stats`: those that a run
            begins with, where some are of training images; float32 [N, H, W, C], normalised.
    """

    make: Callable[..., nn.Module]
    num_params: int | None
    gmacs: float | None
    image_size: int = 224
    channels: int = 3
    num_classes: int = 1000
    thumbnail_size: int = 32
    paper: str = ""
    layers: LayerOrder | None = None
    torch_names: tuple[tuple[str, str], ...] = ()
    stats_of_images: Callable[[Any, np.ndarray], Any] | None = None


def init_variables(
    model: nn.Module, key: jax.Array, image_size: tuple[int, int], channels: int
) -> Variables:
    """Fresh `{"params": ..., "batch_stats": ...}` for images [N, *image_size, channels]."""
    params_key, dropout_key = jax.random.split(key)
    images = jnp.zeros((1, *image_size, channels))
    variables = model.init({"params": params_key, "dropout": dropout_key}, images, train=True)
    return {name: variables.get(name, {}) for name in ("params", "batch_stats")}


def is_small(stem: Stem) -> bool:
    """Whether a network's stem is that for thumbnails. Raises UserError for an unknown one."""
    if stem not in get_args(Stem):
        raise UserError(f"stem is 'imagenet' or 'small'; got {stem!r}")
    return stem == "small"


def require_size(images: jax.Array, least: int, model: str) -> None:
    """Raises UserError unless images [N, H, W, C] are at least `least` pixels each way."""
    height, width = images.shape[1:3]
    if min(height, width) < least:
        raise UserError(
            f"{model} needs images of at least {least}x{least} pixels; got {height}x{width}"
        )
