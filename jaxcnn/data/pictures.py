"""Reading one picture file, whatever a camera or a web site put into it.

What is handled: palette, grey, CMYK and 16-bit pictures become 8-bit red, green, blue; the camera's
orientation (EXIF) is applied; of an animation the first frame counts; transparency is dropped.
What is refused, by name: what is no picture, a file cut short, and a picture too large to decode
beside others, which its header tells before anything is decoded.
"""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from jaxcnn.data.errors import DataError

# 268 MB decoded; also where Pillow begins to suspect a decompression bomb.
MAX_PIXELS = 89_478_485
# Brought to 224 pixels on its shorter side, a longer strip would become a bomb itself.
MAX_ASPECT = 100


def read_picture(path: Path) -> np.ndarray:
    """uint8 [H, W, 3] of a picture file. Raises DataError, naming it, if that cannot be."""
    try:
        encoded = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
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
    # From memory: cv2.imread fills up a JPEG file that was cut short, without a word.
    try:
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        image = None
    if image is None:
        raise DataError(f"{path} is damaged or incomplete; replace or remove it")
    return image


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
