"""Picture files, found and read, whatever a camera or a web site put into it.

What is handled: palette, grey, CMYK and 16-bit pictures become 8-bit red, green, blue; the camera's
orientation (EXIF) is applied; of an animation the first frame counts; transparency is dropped.
What is refused, by name: what is no picture, a file cut short, and a picture too large to decode
beside others, which its header tells before anything is decoded.
"""

import io
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from jaxcnn.data.errors import DataError, DataNotFound
from jaxcnn.data.spec import Example
from jaxcnn.data.transforms import Transform
from jaxcnn.paths import expanded

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
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
    width, height = _size(path, encoded)
    if width * height > MAX_PIXELS:
        raise DataError(
            f"{path} has {width:,}x{height:,} pixels; at most {MAX_PIXELS:,} are decoded, shrink it"
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise DataError(
            f"{path} is a strip of {width:,}x{height:,} pixels; "
            f"one side may be {MAX_ASPECT} times the other, crop it"
        )
    mode = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR_RGB
    # From memory: cv2.imread fills up a JPEG file that was cut short, without a word.
    try:
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), mode)
    except cv2.error:
        image = None
    if image is None:
        raise DataError(f"{path} is damaged or incomplete; replace or remove it")
    return image.reshape(*image.shape[:2], channels)


def _size(path: Path, encoded: bytes) -> tuple[int, int]:
    """(width, height) in pixels, from the file's header."""
    try:
        with Image.open(io.BytesIO(encoded)) as picture:
            return picture.size
    except Image.DecompressionBombError:
        raise DataError(
            f"{path} has more than {MAX_PIXELS:,} pixels, the most that are decoded; shrink it"
        ) from None
    except UnidentifiedImageError:
        raise DataError(f"{path} is not a picture; replace or remove it") from None
    except Exception as error:  # Whatever a broken header makes Pillow raise.
        raise DataError(f"{path} is damaged or incomplete; replace or remove it") from error


def pictures_below(folder: Path) -> Iterator[Path]:
    """Files in `folder` and its folders that are pictures by their suffix, in sorted order.

    Raises DataError for a folder that may not be read, and a name that is no text.
    """
    if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK):
        raise DataError(f"{folder} cannot be read: Permission denied")
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES):
        check_name(path)
        yield path


def check_name(path: Path) -> None:
    """Raises DataError unless the name is UTF-8, as everything that is to name it has to be."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise DataError(f"the name of {os.fsencode(path)!r} is not UTF-8; rename it") from None


def find_pictures(places: Sequence[str]) -> tuple[Path, ...]:
    """Files as they are given, folders as the pictures below them.

    Raises DataNotFound for a place that does not exist and for a folder without pictures.
    """
    found: list[Path] = []
    for place in (Path(expanded(place)) for place in places):
        try:
            pictures = list(pictures_below(place)) if place.is_dir() else [place]
            exists = place.is_dir() or place.is_file()
        except OSError as error:
            raise DataNotFound(f"{place} cannot be read: {error.strerror}") from error
        if not exists:
            raise DataNotFound(f"no file or folder {place}; give pictures, or folders of them")
        if not pictures:
            kinds = ", ".join(sorted(SUFFIXES))
            raise DataNotFound(f"{place} has no picture ({kinds}); give others by their names")
        found += pictures
    return tuple(found)


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
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            self.problems[index] = f"{path} cannot be brought to the model: {reason}"
        blank = np.zeros((1, 1, self._channels), np.uint8)
        return {"image": self._transformed(blank), "label": UNREADABLE}

    def _transformed(self, image: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng(0)
        for transform in self._transforms:
            image = transform(image, rng)
        return image
