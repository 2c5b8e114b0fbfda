"""Picture files, read, whatever a camera or a web site put into them.

What is handled: palette, grey, CMYK and 16-bit pictures become 8-bit red, green, blue as Pillow's
own conversion has them (of 16 bits see `bit_depth`); the camera's orientation (EXIF) is
applied; of an animation the first frame counts; transparency is dropped, the colours below it stay.
What is refused, by name: what is no picture, a file cut short, pixels of 32 bits, and a picture too
large to decode beside others, which its header tells before anything is decoded.
"""

import io
import stat
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from jaxcnn.data.augment.transform import Transform
from jaxcnn.data.errors import DataError
from jaxcnn.data.loader.budget import DECODING
from jaxcnn.data.sources.bit_depth import DEEP_MODES, depth_of, has_16_bits, kind_of_tiff, to_8_bits
from jaxcnn.data.spec import Example
from jaxcnn.text.phrases import reason

UNREADABLE = -1

# 268 MB decoded; also where Pillow begins to suspect a decompression bomb.
MAX_PIXELS = 89_478_485
MAX_PIXELS_OF_JPEG2000 = MAX_PIXELS // 2  # Its decoder takes twice the memory of others.
# Brought to 224 pixels on its shorter side, a longer strip would become a bomb itself.
MAX_ASPECT = 100
# As many pixels, three colours of 16 bits each, not compressed at all.
MAX_ENCODED_BYTES = MAX_PIXELS * 3 * 2
# Of Pillow's those of which the header tells how much there is, as that of ICO does not, and that
# are no programs to be run, as EPS is.
FORMATS = frozenset(
    {"JPEG", "MPO", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "DIB", "TGA", "JPEG2000", "PPM"}
    | {"PCX", "PSD", "QOI", "SGI"}
)
TILE_WIDTH, TILE_LENGTH = 322, 323  # TIFF's tags.
STRIP_PIXELS = 2**22


class CannotDecode(Exception):
    """What is wrong with a picture, to be said of it ("is damaged"), and what would be right."""

    def __init__(self, what: str, remedy: str = "replace or remove it") -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what


def read_picture(path: Path, *, channels: int = 3) -> np.ndarray:
    """uint8 [H, W, channels] of a picture file: red, green, blue or grey.

    Raises DataError, naming it, if that cannot be.
    """
    return _read(path, channels)[1]


def read_encoded(path: Path) -> bytes:
    """The file as it is, once it is known that `read_picture` can read it; else its errors."""
    return _read(path, channels=1)[0]  # Grey is decoded fastest.


def _read(path: Path, channels: int) -> tuple[bytes, np.ndarray]:
    """The file as it is, and its pixels."""
    try:
        status = path.stat()
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            # A pipe would be waited for, for ever.
            raise DataError(f"{path} is a pipe or a device and no file; remove it")
        if status.st_size > MAX_ENCODED_BYTES:
            raise CannotDecode(
                f"has {status.st_size:,} bytes",
                f"at most {MAX_ENCODED_BYTES:,} are read, shrink it",
            )
        with DECODING.kept(), path.open("rb") as file:
            header = _checked_header(file)
            DECODING.take(status.st_size + header.decoding_bytes(channels))
            file.seek(0)
            encoded = file.read(status.st_size)
            return encoded, _pixels(encoded, header, channels, upright=True)
    except CannotDecode as error:
        raise DataError(f"{path} {error}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def decode(encoded: bytes, channels: int, *, upright: bool = True) -> np.ndarray:
    """uint8 [H, W, channels] of an encoded picture.

    Args:
        encoded: a file's content.
        channels: 3 for red, green, blue or 1 for grey.
        upright: whether the camera's orientation is applied.

    Raises CannotDecode if that cannot be.
    """
    with DECODING.kept():
        header = _checked_header(io.BytesIO(encoded))
        DECODING.take(header.decoding_bytes(channels))
        return _pixels(encoded, header, channels, upright)


class _Header(NamedTuple):
    """What a file's header tells.

    Attributes:
        width, height: in pixels.
        largest: pixels that are decoded at once: the whole, or a tile that is larger.
        plain: see `is_plain`.
        deep: what has more bits than can be read, in words; "" for others.
        format: Pillow's name.
    """

    width: int
    height: int
    largest: int
    plain: bool
    deep: str
    format: str

    def decoding_bytes(self, channels: int) -> int:
        """What decoding takes at its peak, as measured."""
        if self.plain:
            return self.largest * 2 * channels  # OpenCV has the pixels twice.
        return self.largest * (20 if self.format == "JPEG2000" else 10)


def _checked_header(file: BinaryIO) -> _Header:
    """Raises CannotDecode for what is not to be decoded, or has no header that can be read."""
    header = _header(file)
    size = f"{header.width:,}x{header.height:,} pixels"
    most = MAX_PIXELS_OF_JPEG2000 if header.format == "JPEG2000" else MAX_PIXELS
    if header.largest > most:
        raise CannotDecode(f"has {size}", f"at most {most:,} are decoded, shrink it")
    sides = header.width, header.height
    if max(sides) > MAX_ASPECT * min(sides):
        raise CannotDecode(
            f"is a strip of {size}", f"one side may be {MAX_ASPECT} times the other, crop it"
        )
    if header.deep:
        raise _too_deep(header.deep)
    return header


def _header(file: BinaryIO) -> _Header:
    start = file.read(26)
    # To ask Pillow takes longer than to decode a thumbnail, and these are PNG.
    if start.startswith(b"\x89PNG") and start[12:16] == b"IHDR" and start[24:25] != b"\x10":
        width, height = struct.unpack_from(">II", start, 16)
        return _Header(width, height, width * height, True, "", "PNG")
    file.seek(0)
    try:
        with Image.open(file) as picture:
            if picture.format not in FORMATS:
                raise CannotDecode(f"is {picture.format}, which is not read", "save it as PNG")
            width, height = picture.size
            largest = max(width * height, _pixels_of_tile(picture))
            plain, deep = is_plain(picture), depth_of(picture)
            return _Header(width, height, largest, plain, deep, picture.format or "")
    except Image.DecompressionBombError:
        raise CannotDecode(
            f"has more than {MAX_PIXELS:,} pixels, the most that are decoded", "shrink it"
        ) from None
    except UnidentifiedImageError:
        if kind := kind_of_tiff(file):
            raise _too_deep(kind) from None
        raise CannotDecode("is not a picture") from None
    except CannotDecode:
        raise
    except Exception as error:  # Whatever a broken header makes Pillow raise.
        raise CannotDecode("is damaged or incomplete") from error


def _pixels_of_tile(picture: Image.Image) -> int:
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return 0
    return picture.tag_v2.get(TILE_WIDTH, 0) * picture.tag_v2.get(TILE_LENGTH, 0)


def _too_deep(kind: str) -> CannotDecode:
    return CannotDecode(f"is {kind}, which is not supported", "save it with 8 or 16 bits")


def _pixels(encoded: bytes, header: _Header, channels: int, upright: bool) -> np.ndarray:
    if header.plain:
        mode = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR_RGB
        if not upright:
            mode |= cv2.IMREAD_IGNORE_ORIENTATION
        # From memory: cv2.imread fills up a JPEG file that was cut short, without a word.
        try:
            image = cv2.imdecode(np.frombuffer(encoded, np.uint8), mode)
        except cv2.error:  # More than OpenCV takes.
            image = None
    else:
        image = _by_pillow(encoded, channels, upright)
    if image is None:
        raise CannotDecode("is damaged or incomplete")
    return image.reshape(*image.shape[:2], channels)


def _by_pillow(encoded: bytes, channels: int, upright: bool) -> np.ndarray | None:
    try:
        with Image.open(io.BytesIO(encoded)) as opened:
            if upright:
                ImageOps.exif_transpose(opened, in_place=True)
            picture = opened
            if picture.mode in DEEP_MODES:
                picture = Image.fromarray(to_8_bits(np.asarray(picture), encoded))
            return _converted(picture, "L" if channels == 1 else "RGB")
    except Exception:  # Whatever a broken file makes Pillow raise.
        return None


def _converted(picture: Image.Image, mode: str) -> np.ndarray:
    """uint8 [H, W] or [H, W, 3]. In strips, as Pillow's own way takes 14 bytes a pixel."""
    width, height = picture.size
    rows = 1 + STRIP_PIXELS // width
    if rows >= height:
        return np.array(picture.convert(mode))
    pixels = np.empty((height, width, *(3,) * (mode == "RGB")), np.uint8)
    for top in range(0, height, rows):
        strip = picture.crop((0, top, width, min(top + rows, height)))
        pixels[top : top + rows] = np.asarray(strip.convert(mode))
    return pixels


# By Pillow's names; found by trying each mode that Pillow writes: tests/data/sources/test_modes.py.
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
            with DECODING.kept():
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
