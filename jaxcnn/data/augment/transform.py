"""What is done to an image on the host: small frozen objects, most of them in files of their own.

A transform takes an image, uint8 [H, W, C], and a random generator, and returns an image of the
same kind; it never changes what it was given. Those that draw nothing ignore the generator.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from jaxcnn.data.augment.window import Windowed
from jaxcnn.data.order import BatchRng
from jaxcnn.data.spec import Example

Size = int | tuple[int, int]
"""Side of a square, or (height, width), in pixels."""


def pair(size: Size) -> tuple[int, int]:
    """(height, width) of a size."""
    return (size, size) if isinstance(size, int) else size


class Transform(Protocol):
    """uint8 [H, W, C] -> uint8 [H', W', C']."""

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray: ...


class Fixed:
    """A transform that draws nothing: an image becomes the same each time."""


@runtime_checkable
class Drawn(Protocol):
    """A transform that a few numbers an image tell: drawn here, applied wherever the images are."""

    def draw(
        self, size: tuple[int, int], rng: BatchRng | np.random.Generator, /
    ) -> Mapping[str, Any]:
        """The numbers by name, for an image of a height and width in pixels; [N] by a BatchRng.

        They are all that a call draws, in its order.
        """
        ...


@runtime_checkable
class OfBatches(Protocol):
    """A transform that can do a whole batch of images of one size, an example's bits the same."""

    def of_batch(self, images: np.ndarray, rng: BatchRng, /) -> np.ndarray:
        """uint8 [N, H, W, C] -> uint8 [N, H', W', C']. The array given may be changed."""
        ...


def transform_example(
    example: Example, transforms: Sequence[Transform], rng: np.random.Generator
) -> Example:
    """The example with its image transformed, and its boxes, where it has them, moved along.

    A box of which nothing is left to see is dropped. The label stays, as the literature has it:
    a class whose object was cropped away still counts.
    """
    image = example["image"]
    if "boxes" not in example or "box_labels" not in example:
        for transform in transforms:
            image = transform(image, rng)
        return {**example, "image": image}
    boxes, box_labels = example["boxes"], example["box_labels"]
    for transform in transforms:
        if not isinstance(transform, Windowed):
            image = transform(image, rng)
            continue
        window = transform.window(image, rng)
        boxes = window.boxes(boxes, *image.shape[:2])
        image = transform.cut(image, window)
    seen = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return {**example, "image": image, "boxes": boxes[seen], "box_labels": box_labels[seen]}
