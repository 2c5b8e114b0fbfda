"""What is done to an image on the host, one small frozen object each.

A transform takes an image, uint8 [H, W, C], and a random generator, and returns an image of the
same kind; it never changes what it was given. Those that draw nothing ignore the generator.

Boxes are fractions of the image's sides, so stretching leaves them alone. What moves them is a
change of the window one looks through: such a transform first chooses its `window`, then `cut`s it
out, and `transform_example` takes the boxes along.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from jaxcnn.data.augment import pillow
from jaxcnn.data.augment.pillow import DrawnInterpolation, Interpolation
from jaxcnn.data.errors import DataError
from jaxcnn.data.order import BatchRng
from jaxcnn.data.spec import Example

Size = int | tuple[int, int]
"""Side of a square, or (height, width), in pixels."""


class Transform(Protocol):
    """uint8 [H, W, C] -> uint8 [H', W', C']."""

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray: ...


@dataclass(frozen=True)
class Window:
    """A rectangle in pixels of an image, which may reach beyond it, maybe seen in a mirror.

    Where it is brought to another size, `interpolation` says how.
    """

    top: int
    left: int
    height: int
    width: int
    mirrored: bool = False
    interpolation: Interpolation = "bilinear"

    def boxes(self, boxes: np.ndarray, height: int, width: int) -> np.ndarray:
        """Boxes [B, 4] of a height x width image, as fractions of the window; cut at its border."""
        size = np.array([height, width, height, width], np.float32)
        start = np.array([self.top, self.left, self.top, self.left], np.float32)
        sides = np.array([self.height, self.width, self.height, self.width], np.float32)
        moved = ((boxes * size - start) / sides).clip(0, 1)
        if self.mirrored:
            moved[:, [1, 3]] = 1 - moved[:, [3, 1]]
        return moved


class Windowed(ABC):
    """A transform that shows another window of the image."""

    @abstractmethod
    def window(self, image: np.ndarray, rng: np.random.Generator, /) -> Window:
        """Which part of the image is shown."""

    @abstractmethod
    def cut(self, image: np.ndarray, window: Window, /) -> np.ndarray:
        """That part."""

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        return self.cut(image, self.window(image, rng))


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


@dataclass(frozen=True)
class Resize:
    """Stretch to `size`. What shrinks is averaged over areas, so that nothing aliases."""

    size: Size
    interpolation: Interpolation = "bilinear"

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        return self.stretch(image)

    def stretch(self, image: np.ndarray) -> np.ndarray:
        height, width = pair(self.size)
        if image.shape[:2] == (height, width):
            return image
        rows, columns = image.shape[:2]
        shrinks = height <= rows and width <= columns
        if not shrinks and (height < rows or width < columns):
            # OpenCV would treat both axes alike, and one of them alias.
            return pillow.resize(image, height, width, self.interpolation)
        between = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}[self.interpolation]
        if shrinks and rows <= 2 * height and columns <= 2 * width:
            # Half the time of OpenCV's averages over areas of other sizes, and on photographs
            # within a grey level of Pillow's antialiased bilinear, or two of its bicubic.
            image = cv2.resize(image, (2 * width, 2 * height), interpolation=between)
        resized = cv2.resize(
            image, (width, height), interpolation=cv2.INTER_AREA if shrinks else between
        )
        return resized.reshape(height, width, -1)  # OpenCV drops a single channel.


@dataclass(frozen=True)
class ResizeShorter:
    """Bring the shorter side to `size` pixels, the longer in proportion.

    By Pillow, whose antialiased interpolation is what timm and torchvision evaluate with: weights
    are measured with the very pixels that they were published with.
    """

    size: int
    interpolation: Interpolation = "bicubic"

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        height, width = image.shape[:2]
        shorter = min(height, width)
        if shorter == self.size:
            return image
        height, width = self.size * height // shorter, self.size * width // shorter
        return pillow.resize(image, height, width, self.interpolation)


@dataclass(frozen=True)
class Pad(Windowed):
    """Add black all around, the image in the centre, as LeNet makes 32x32 of 28x28."""

    size: Size

    def window(self, image: np.ndarray, rng: np.random.Generator, /) -> Window:
        height, width = pair(self.size)
        top, left = (height - image.shape[0]) // 2, (width - image.shape[1]) // 2
        if top < 0 or left < 0:
            raise DataError(
                f"cannot pad {image.shape[0]}x{image.shape[1]} to {height}x{width};"
                " resize by interpolation"
            )
        return Window(-top, -left, height, width)

    def cut(self, image: np.ndarray, window: Window, /) -> np.ndarray:
        return _cut(image, window)

    def of_batch(self, images: np.ndarray, rng: BatchRng, /) -> np.ndarray:
        window = self.window(images[0], np.random.default_rng(0))  # It draws nothing.
        return _padded(images, -window.top, -window.left, window.height, window.width)


@dataclass(frozen=True)
class CenterCrop(Windowed):
    """The middle of the image."""

    size: Size

    def window(self, image: np.ndarray, rng: np.random.Generator, /) -> Window:
        height, width = pair(self.size)
        _check_crop(image, 0, height, width)
        # To the nearest pixel, as torchvision and timm have it.
        top, left = round((image.shape[0] - height) / 2), round((image.shape[1] - width) / 2)
        return Window(top, left, height, width)

    def cut(self, image: np.ndarray, window: Window, /) -> np.ndarray:
        return _cut(image, window)


@dataclass(frozen=True)
class RandomResizedCrop(Windowed):
    """A random part of the image, of random shape, brought to `size`.

    Szegedy et al., 2015, section 6, https://arxiv.org/abs/1409.4842, in torchvision's form: ten
    draws of area and log aspect; if none fits, the largest centre crop of an allowed aspect.

    Args:
        area: least and greatest share of the image.
        aspect: least and greatest width over height.
        interpolation: how it is brought there.
    """

    size: Size
    area: tuple[float, float] = (0.08, 1.0)
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    interpolation: DrawnInterpolation = "bilinear"

    def cut(self, image: np.ndarray, window: Window, /) -> np.ndarray:
        return Resize(self.size, window.interpolation).stretch(_cut(image, window))

    def window(self, image: np.ndarray, rng: np.random.Generator, /) -> Window:
        window = self._place(image, rng)
        return replace(window, interpolation=pillow.drawn(self.interpolation, rng))

    def _place(self, image: np.ndarray, rng: np.random.Generator) -> Window:
        rows, columns = image.shape[:2]
        log_aspect = np.log(self.aspect)
        for _ in range(10):
            area = rng.uniform(*self.area) * rows * columns
            ratio = np.exp(rng.uniform(*log_aspect))
            width, height = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
            if 0 < width <= columns and 0 < height <= rows:
                top = int(rng.integers(rows - height + 1))
                left = int(rng.integers(columns - width + 1))
                return Window(top, left, height, width)
        least, greatest = self.aspect
        width = min(columns, max(1, round(rows * greatest)))
        height = min(rows, max(1, round(columns / least)))
        return Window((rows - height) // 2, (columns - width) // 2, height, width)


@dataclass(frozen=True)
class RandomCrop(Windowed):
    """A window of `size` at any place of the image padded with `pad` black pixels each side."""

    size: Size
    pad: int = 0

    def window(self, image: np.ndarray, rng: np.random.Generator, /) -> Window:
        height, width = pair(self.size)
        _check_crop(image, self.pad, height, width)
        # The window's first row and column, in coordinates of the image before padding.
        top = int(rng.integers(image.shape[0] + 2 * self.pad - height + 1)) - self.pad
        left = int(rng.integers(image.shape[1] + 2 * self.pad - width + 1)) - self.pad
        return Window(top, left, height, width)

    def cut(self, image: np.ndarray, window: Window, /) -> np.ndarray:
        return _cut(image, window)

    def of_batch(self, images: np.ndarray, rng: BatchRng, /) -> np.ndarray:
        height, width = pair(self.size)
        _check_crop(images[0], self.pad, height, width)
        count, channels = len(images), images.shape[3]
        rows, columns = images.shape[1] + 2 * self.pad, images.shape[2] + 2 * self.pad
        padded = _padded(images, self.pad, self.pad, rows, columns)
        top = rng.integers(rows - height + 1)
        left = rng.integers(columns - width + 1)
        # A window's row is a run of bytes: where each starts, [N, height].
        row = np.arange(count) * rows + top
        starts = ((row[:, None] + np.arange(height)) * columns + left[:, None]) * channels
        runs = sliding_window_view(padded.reshape(-1), width * channels)
        return runs[starts].reshape(count, height, width, channels)


@dataclass(frozen=True)
class HorizontalFlip(Windowed):
    """Mirror left to right."""

    probability: float = 0.5

    def window(self, image: np.ndarray, rng: np.random.Generator, /) -> Window:
        return Window(0, 0, *image.shape[:2], mirrored=rng.random() < self.probability)

    def cut(self, image: np.ndarray, window: Window, /) -> np.ndarray:
        if not window.mirrored:
            return image
        # Three times faster than a reversed view, whose copy goes pixel by pixel.
        return cv2.flip(image, 1).reshape(image.shape)

    def of_batch(self, images: np.ndarray, rng: BatchRng, /) -> np.ndarray:
        mirrored = np.flatnonzero(rng.random() < self.probability)
        if mirrored.size:
            # One below the other they are one image.
            below = images[mirrored].reshape(-1, *images.shape[2:])
            images[mirrored] = cv2.flip(below, 1).reshape(-1, *images.shape[1:])
        return images


@dataclass(frozen=True)
class RandomErasing:
    """Cover a random rectangle with noise. Zhong et al., 2017, https://arxiv.org/abs/1708.04896.

    Args:
        probability: of erasing at all.
        area: least and greatest share of the image covered.
        aspect: least and greatest height over width.
    """

    probability: float
    area: tuple[float, float] = (0.02, 0.4)
    aspect: tuple[float, float] = (0.3, 1 / 0.3)

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        if rng.random() >= self.probability:
            return image
        rows, columns, channels = image.shape
        # The paper draws until the rectangle fits; an extreme image may have none that does.
        for _ in range(100):
            covered = rng.uniform(*self.area) * rows * columns
            ratio = rng.uniform(*self.aspect)
            height, width = round((covered * ratio) ** 0.5), round((covered / ratio) ** 0.5)
            if 0 < height <= rows and 0 < width <= columns:
                top = rng.integers(rows - height + 1)
                left = rng.integers(columns - width + 1)
                erased = image.copy()
                noise = rng.integers(256, size=(height, width, channels), dtype=np.uint8)
                erased[top : top + height, left : left + width] = noise
                return erased
        return image


@dataclass(frozen=True)
class TimmErasing:
    """Cover a random rectangle with what is normal noise once the image is normalised.

    timm's random erasing as DeiT, Swin and ConvNeXt were trained with it (mode pixel, one
    rectangle): the aspect is uniform in its logarithm. An image of bytes cuts the noise off at
    black and white: by ImageNet's statistics, 3 % of it. `timm/data/random_erasing.py` of
    https://github.com/huggingface/pytorch-image-models, 1.0.31

    Args:
        probability: of erasing at all.
        mean: per channel or one for all, of images in [0, 1], that they are normalised by.
        std: standard deviation, likewise.
        area: least and greatest share of the image covered.
        least_aspect: least height over width, and least width over height.
    """

    probability: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    area: tuple[float, float] = (0.02, 1 / 3)
    least_aspect: float = 0.3

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        if rng.random() >= self.probability:
            return image
        rows, columns, channels = image.shape
        log_aspect = np.log([self.least_aspect, 1 / self.least_aspect])
        for _ in range(10):
            covered = rng.uniform(*self.area) * rows * columns
            ratio = np.exp(rng.uniform(*log_aspect))
            height, width = round((covered * ratio) ** 0.5), round((covered / ratio) ** 0.5)
            if height < rows and width < columns:
                top = rng.integers(rows - height + 1)
                left = rng.integers(columns - width + 1)
                erased = image.copy()
                noise = rng.standard_normal((height, width, channels), np.float32)
                noise *= 255 * np.array(self.std, np.float32)
                # With a half, so that cutting off rounds.
                noise += 255 * np.array(self.mean, np.float32) + np.float32(0.5)
                erased[top : top + height, left : left + width] = noise.clip(0, 255, out=noise)
                return erased
        return image


@dataclass(frozen=True)
class Cutout:
    """Cover a square whose centre is any pixel. DeVries & Taylor, 2017, arxiv.org/abs/1708.04552.

    Args:
        size: side of the square in pixels; what lies beyond the border is cut off.
        fill: colour; the paper's, 0 after normalisation, is the mean of the training set.
    """

    size: int
    fill: tuple[int, ...] = (0,)

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        rows, columns, _ = image.shape
        top = int(rng.integers(rows)) - self.size // 2
        left = int(rng.integers(columns)) - self.size // 2
        covered = image.copy()
        covered[max(top, 0) : top + self.size, max(left, 0) : left + self.size] = self.fill
        return covered


@dataclass(frozen=True)
class ToChannels:
    """Grey repeated over `channels`; an image that has them already stays as it is."""

    channels: int

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        if image.shape[2] == self.channels:
            return image
        if image.shape[2] != 1:
            raise DataError(f"cannot make {self.channels} channels of {image.shape[2]}")
        return np.repeat(image, self.channels, axis=2)

    def of_batch(self, images: np.ndarray, rng: BatchRng, /) -> np.ndarray:
        if images.shape[3] == 1:
            return np.repeat(images, self.channels, axis=3)
        self(images[0], np.random.default_rng(0))  # Of other channels it says what is wrong.
        return images


def pair(size: Size) -> tuple[int, int]:
    """(height, width) of a size."""
    return (size, size) if isinstance(size, int) else size


def _cut(image: np.ndarray, window: Window) -> np.ndarray:
    """The window's pixels, black where it reaches beyond the image."""
    top, left, height, width = window.top, window.left, window.height, window.width
    inside = image[max(top, 0) : top + height, max(left, 0) : left + width]
    if inside.shape[:2] == (height, width):
        return inside
    shown = np.zeros((height, width, image.shape[2]), np.uint8)
    row, column = max(-top, 0), max(-left, 0)
    shown[row : row + inside.shape[0], column : column + inside.shape[1]] = inside
    return shown


def _padded(images: np.ndarray, top: int, left: int, height: int, width: int) -> np.ndarray:
    """Images [N, H, W, C] so far below and right of the upper left corner of larger black ones."""
    rows, columns = images.shape[1:3]
    padded = np.zeros((len(images), height, width, images.shape[3]), np.uint8)
    padded[:, top : top + rows, left : left + columns] = images
    return padded


def _check_crop(image: np.ndarray, pad: int, height: int, width: int) -> None:
    rows, columns = image.shape[0] + 2 * pad, image.shape[1] + 2 * pad
    if height > rows or width > columns:
        raise DataError(f"cannot crop {height}x{width} from {rows}x{columns}; resize first")
