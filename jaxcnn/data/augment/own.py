"""Augmentations of a user's own."""

from dataclasses import dataclass
from inspect import isclass
from typing import Any

import numpy as np

from jaxcnn.data.augment.transform import Transform
from jaxcnn.data.errors import DataError


@dataclass(frozen=True)
class OwnTransform:
    """A transform that is held to what a batch takes: images of the model's size, uint8.

    It gets a copy, which it may change.
    """

    transform: Transform

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        made: Any = self.transform(image.copy(), rng)
        if isinstance(made, np.ndarray) and made.dtype == np.uint8 and made.shape == image.shape:
            return made
        what = f"{made.dtype} {made.shape}" if isinstance(made, np.ndarray) else type(made).__name__
        raise DataError(
            f"{self.name} gives {what}; an augmentation gives an array as it gets, uint8 "
            f"{image.shape}"
        )

    @property
    def name(self) -> str:
        return getattr(self.transform, "__name__", type(self.transform).__name__)


def own_transform(transform: Any, what: str) -> OwnTransform:
    """Raises DataError, of `what`, where it is none: `transform(image, rng) -> image`."""
    if isclass(transform):
        raise DataError(f"{what} is the class {transform.__name__}; give {transform.__name__}()")
    if not callable(transform):
        raise DataError(f"{what} is {transform!r}; give what is called as (image, rng) -> image")
    checked: Any = transform
    return OwnTransform(checked)
