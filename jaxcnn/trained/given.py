"""Pictures as a program has them: paths, folders, Pillow's images, arrays, and lists of these."""

import os
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps

from jaxcnn.data.augment.transform import Transform
from jaxcnn.data.sources.bit_depth import DEEP_MODES
from jaxcnn.data.sources.picture_files import find_pictures
from jaxcnn.data.sources.pictures import read_picture
from jaxcnn.data.spec import Example
from jaxcnn.errors import UserError

# Grey, red-green-blue, and that with a fourth that says how much of the pixel there is.
CHANNELS = (1, 3, 4)


class GivenPictures:
    """Pictures as a source of what a model takes of them; no label is known.

    Args:
        pictures: see `listed`.
        channels: 3 for red, green, blue or 1 for grey.
        transforms: that bring them to the model; they draw nothing.
    """

    def __init__(
        self, pictures: Sequence[Any], *, channels: int, transforms: Sequence[Transform]
    ) -> None:
        self._pictures = pictures
        self._channels = channels
        self._transforms = transforms

    @property
    def labels(self) -> np.ndarray:
        return np.zeros(len(self), np.int32)

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int, /) -> Example:
        image = pixels(self._pictures[index], self._channels)
        rng = np.random.default_rng(0)
        for transform in self._transforms:
            image = transform(image, rng)
        return {"image": image, "label": 0}


def listed(given: Any) -> list[Any]:
    """Each picture of what a person gave: a path, a Pillow image, or an array uint8 [H, W, C].

    Raises UserError for what is no picture, and where there is none.
    """
    match given:
        case str() | os.PathLike():
            return list(find_pictures([os.fspath(given)]))
        case Image.Image():
            return [given]
        case list() | tuple():
            found = [picture for one in given for picture in listed(one)]
        case _ if hasattr(given, "__array__"):
            found = _of_array(np.asarray(given))
        case _:
            raise UserError(
                f"a {type(given).__name__} is no picture; give a path, a folder, a Pillow image, "
                "an array uint8 [H, W, C] or [N, H, W, C], or a list of these"
            )
    if not found:
        raise UserError("no picture is given; give one or more")
    return found


def _of_array(array: np.ndarray) -> list[np.ndarray]:
    if array.dtype != np.uint8:
        raise UserError(
            f"pictures are uint8, 0 to 255, and these are {array.dtype}; of values from 0 to 1 "
            "give np.uint8(np.rint(images * 255))"
        )
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim not in (3, 4) or array.shape[-1] not in CHANNELS or 0 in array.shape[-3:]:
        raise UserError(
            f"an array of shape {array.shape} is no picture; give [H, W, C] or [N, H, W, C], "
            "C = 1 for grey or 3 for red, green, blue"
        )
    return [array] if array.ndim == 3 else list(array)


def pixels(picture: Any, channels: int) -> np.ndarray:
    """uint8 [H, W, channels]: a colour picture is made grey and a grey one repeated, as in files.

    Raises UserError for a file that cannot be read, and a Pillow image of more than 8 bits.
    """
    if isinstance(picture, os.PathLike):
        return read_picture(picture, channels=channels)  # pyright: ignore[reportArgumentType]
    if isinstance(picture, Image.Image):
        if picture.mode in DEEP_MODES or picture.mode == "F":
            raise UserError(
                f"a Pillow image of mode {picture.mode} has more than 8 bits; save it and give the "
                "file, or convert it"
            )
        upright = ImageOps.exif_transpose(picture)
        image = np.array(upright.convert("L" if channels == 1 else "RGB"))
        return image.reshape(*image.shape[:2], channels)
    picture = picture[..., :3]
    if picture.shape[-1] == channels:
        return picture
    if channels == 3:
        return np.repeat(picture, 3, axis=-1)
    return cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)[..., None]
