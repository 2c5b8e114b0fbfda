"""Picture files, read, whatever a camera or a web site put into them.

What is handled: palette, grey, CMYK and 16-bit pictures become 8-bit red, green, blue as Pillow's
own conversion has them (of 16 bits see `jaxcnn.data.bit_depth`); the camera's orientation (EXIF) is
applied; of an animation the first frame counts; transparency is dropped, the colours below it stay.
What is refused, by name: what is no picture, a file cut short, pixels of 32 bits, and a picture too
large to decode beside others, which its header tells before anything is decoded.
"""

import io
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from jaxcnn.data.bit_depth import DEEP_MODES, depth_of, has_16_bits, kind_of_tiff, to_8_bits
from jaxcnn.data.errors import DataError
from jaxcnn.data.spec import Example
from jaxcnn.data.transforms import Transform
from jaxcnn.phrases import reason

UNREADABLE = -1

# 268 MB decoded; also where Pillow begins to suspect a decompression bomb.
MAX_PIXELS = 89_478_485
# Brought to 224 pixels on its shorter side, a longer strip would become a bomb itself.
MAX_ASPECT = 100


def read_picture(path: Path, *, channels: int = 3) -> np.ndarray:
    """uint8 [H, W, channels] of a picture file: red, green, blue or grey.

    Raises DataError, naming it, if that cannot be.
    """
    return _decode(path, _read(path), channels)


def read_encoded(path: Path) -> bytes:
    """The file as it is, once it is known that `read_picture` can read it; else its errors."""
    encoded = _read(path)
    _decode(path, encoded, channels=1)  # Grey is decoded fastest.
    return encoded


def _read(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # A pipe would be waited for, for ever.
            raise DataError(f"{path} is a pipe or a device and no file; remove it")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _decode(path: Path, encoded: bytes, channels: int) -> np.ndarray:
    found = _header(path, encoded)
    width, height = found.width, found.height
    if width * height > MAX_PIXELS:
        raise DataError(
            f"{path} has {width:,}x{height:,} pixels; at most {MAX_PIXELS:,} are decoded, shrink it"
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise DataError(
            f"{path} is a strip of {width:,}x{height:,} pixels; "
            f"one side may be {MAX_ASPECT} times the other, crop it"
        )
    if found.deep:
        raise DataError(
            f"{path} is {found.deep}, which is not supported; save it with 8 or 16 bits"
        )
    image = decode(encoded, channels, plain=found.plain)
    if image is None:
        raise DataError(f"{path} is damaged or incomplete; replace or remove it")
    return image


def decode(
    encoded: bytes, channels: int, *, plain: bool, upright: bool = True
) -> np.ndarray | None:
    """uint8 [H, W, channels] of an encoded picture, or None if that cannot be.

    Args:
        encoded: a file's content.
        channels: 3 for red, green, blue or 1 for grey.
        plain: see `is_plain`.
        upright: whether the camera's orientation is applied.
    """
    if plain:
        mode = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR_RGB
        if not upright:
            mode |= cv2.IMREAD_IGNORE_ORIENTATION
        # From memory: cv2.imread fills up a JPEG file that was cut short, without a word.
        try:
            image = cv2.imdecode(np.frombuffer(encoded, np.uint8), mode)
        except cv2.error:  # Nothing to decode, or more than OpenCV takes.
            return None
    else:
        image = _by_pillow(encoded, channels, upright)
    return None if image is None else image.reshape(*image.shape[:2], channels)


def _by_pillow(encoded: bytes, channels: int, upright: bool) -> np.ndarray | None:
    try:
        with Image.open(io.BytesIO(encoded)) as opened:
            picture = ImageOps.exif_transpose(opened) if upright else opened
            if picture.mode in DEEP_MODES:
                picture = Image.fromarray(to_8_bits(np.asarray(picture), encoded))
            return np.array(picture.convert("L" if channels == 1 else "RGB"))
    except Exception:  # Whatever a broken file makes Pillow raise.
        return None


# By Pillow's names; found by trying each mode that Pillow writes (tests/data/test_data_modes.py).
PLAIN_MODES = {
    "JPEG": {"L", "RGB"},
    "MPO": {"L", "RGB"},
    "PNG": {"1", "L", "LA", "P", "RGB", "RGBA"},
    "WEBP": {"RGB", "RGBA"},
    "BMP": {"1", "L", "P", "RGB"},
    "GIF": {"L", "P", "RGB"},
    "TIFF": {"1", "L", "P", "RGB"},
}


def is_plain(picture: Image.Image) -> bool:
    """Whether OpenCV, which is faster, reads a picture to the grey level as Pillow does."""
    if picture.mode not in PLAIN_MODES.get(picture.format or "", ()):
        return False
    if picture.format == "GIF":
        return "transparency" not in picture.info
    return not has_16_bits(picture)


def is_plain_encoded(encoded: bytes) -> bool:
    """The same of a file's content; also of what is no picture, which OpenCV then refuses."""
    # To ask Pillow takes longer than to decode a thumbnail, and these are PNG.
    if encoded.startswith(b"\x89PNG") and encoded[24:25] != b"\x10":
        return True
    try:
        with Image.open(io.BytesIO(encoded)) as picture:
            return is_plain(picture)
    except Exception:  # Whatever a broken header makes Pillow raise.
        return True


class _Header(NamedTuple):
    """What a file's header tells; `deep` is what has more bits than can be read, in words."""

    width: int
    height: int
    plain: bool
    deep: str


def _header(path: Path, encoded: bytes) -> _Header:
    try:
        with Image.open(io.BytesIO(encoded)) as picture:
            return _Header(*picture.size, is_plain(picture), depth_of(picture))
    except Image.DecompressionBombError:
        raise DataError(
            f"{path} has more than {MAX_PIXELS:,} pixels, the most that are decoded; shrink it"
        ) from None
    except UnidentifiedImageError:
        if kind := kind_of_tiff(encoded):
            raise DataError(
                f"{path} is {kind}, which is not supported; save it with 8 or 16 bits"
            ) from None
        raise DataError(f"{path} is not a picture; replace or remove it") from None
    except Exception as error:  # Whatever a broken header makes Pillow raise.
        raise DataError(f"{path} is damaged or incomplete; replace or remove it") from error


class Pictures:
    """Picture files as a source that goes on: one that cannot be used is blank, UNREADABLE its
    label, and `problems` says why, by its index.

    Args:
        paths: the files.
        channels: that they are read with.
        transforms: that bring them to the model; they draw nothing.
    """

    def __init__(
        self, paths: Sequence[Path], *, channels: int, transforms: Sequence[Transform]
    ) -> None:
        self.paths = paths
        self.problems: dict[int, str] = {}
        self._channels = channels
        self._transforms = transforms

    @property
    def labels(self) -> np.ndarray:
        return np.zeros(len(self.paths), np.int32)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int, /) -> Example:
        path = self.paths[index]
        try:
            picture = read_picture(path, channels=self._channels)
            return {"image": self._transformed(picture), "label": 0}
        except DataError as error:
            self.problems[index] = str(error)
        except Exception as error:  # Whatever a strange shape makes a transform raise.
            self.problems[index] = f"{path} cannot be brought to the model: {reason(error)}"
        blank = np.zeros((1, 1, self._channels), np.uint8)
        return {"image": self._transformed(blank), "label": UNREADABLE}

    def _transformed(self, image: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng(0)
        for transform in self._transforms:
            image = transform(image, rng)
        return image
