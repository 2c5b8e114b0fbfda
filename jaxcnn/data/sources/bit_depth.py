"""Pixels of more than 8 bits: 16 become 8, more are named and refused.

Of 16 bits the upper 8 count, as Pillow has them of red, green and blue (its own conversion of grey
cuts off all that is above 255). So a picture of 12 bits that were put into 16 as they are, without
scaling, is nearly black. A PNG may say so (its sBIT chunk has the number of bits), and is then
brought to the full range; from the pixels alone it cannot be told from a dark picture.
"""

import struct
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, TiffImagePlugin

# Pillow's names for grey of 16 bits; "I" is also that of 32 bits, see `depth_of`.
DEEP_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I"})
BITS_PER_SAMPLE, SAMPLE_FORMAT = 258, 339  # TIFF's tags.
SAMPLE_FORMATS = {1: "integer", 2: "signed integer", 3: "float"}


def depth_of(picture: Image.Image) -> str:
    """What a picture of more than 16 bits is, in words; "" for others."""
    if picture.mode not in ("I", "F"):
        return ""
    kind = picture.format or "picture"
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        return _tiff(picture.tag_v2)
    # Pillow reads PNM files of up to 16 bits and brings them to 16.
    if picture.mode == "I" and kind == "PPM":
        return ""
    return f"a 32-bit {'float' if picture.mode == 'F' else 'integer'} {kind}"


def has_16_bits(picture: Image.Image) -> bool:
    """Whether a colour TIFF is one that Pillow rounds to 8 bits when it opens it."""
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return False
    return max(picture.tag_v2.get(BITS_PER_SAMPLE, (1,))) > 8


def kind_of_tiff(file: BinaryIO) -> str:
    """What a TIFF file is, in words, that Pillow does not know; "" for other files."""
    file.seek(0)
    start = file.read(8)
    if start[:4] not in (b"II*\0", b"MM\0*"):
        return ""
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(start)
        file.seek(tags.next)
        tags.load(file)
        return _tiff(tags)
    except Exception:  # Whatever a broken directory makes Pillow raise.
        return ""


def _tiff(tags: Any) -> str:
    bits = tags.get(BITS_PER_SAMPLE, (1,))[0]
    return f"a {bits}-bit {SAMPLE_FORMATS.get(tags.get(SAMPLE_FORMAT, (1,))[0], 'complex')} TIFF"


def to_8_bits(pixels: np.ndarray, encoded: bytes) -> np.ndarray:
    """Grey pixels of 16 bits, any shape, as uint8.

    Args:
        pixels: 0 to 65535.
        encoded: the file that they are of.
    """
    pixels = pixels.astype(np.uint16, copy=False)
    bits = _significant_bits(encoded)
    if bits is not None and 8 <= bits < 16 and _is_unscaled(pixels, bits):
        pixels = pixels << (16 - bits)
    return (pixels >> 8).astype(np.uint8)


def _is_unscaled(pixels: np.ndarray, bits: int) -> bool:
    """Whether pixels of so many bits stand in 16 as they are.

    By the standard (https://www.w3.org/TR/png-3/#13Sample-depth-rescaling) they are scaled up: then
    the upper bits tell the lower ones, all zeros or the upper ones again.
    """
    if pixels.max() >> bits:
        return False

    def everywhere(low_bits: Callable[[np.ndarray], np.ndarray | int]) -> bool:
        # In parts, which take little beside the whole.
        for part in np.array_split(pixels, 1 + pixels.size // 2**22):
            original = part >> (16 - bits)
            if not (part == original << (16 - bits) | low_bits(original)).all():
                return False
        return True

    return not (
        everywhere(lambda original: 0) or everywhere(lambda original: original >> (2 * bits - 16))
    )


def _significant_bits(encoded: bytes) -> int | None:
    """Of a grey PNG, where its sBIT chunk tells them: https://www.w3.org/TR/png-3/#11sBIT."""
    if not encoded.startswith(b"\x89PNG"):
        return None
    place = 8
    while place + 9 <= len(encoded):
        size, kind = struct.unpack_from(">I4s", encoded, place)
        if kind == b"sBIT":
            return encoded[place + 8]
        if kind in (b"PLTE", b"IDAT"):
            return None
        place += 12 + size
    return None
