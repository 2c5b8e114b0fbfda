"""Every mode and format that Pillow writes comes out as Pillow itself makes RGB of it."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from jaxcnn.data.errors import DataError
from jaxcnn.data.sources.pictures import decode, read_picture

ROWS, COLUMNS = np.mgrid[:24, :32]
PIXELS = np.stack([ROWS * 10, COLUMNS * 8, ROWS * 5 + COLUMNS, 255 - ROWS * 10], -1)
RGBA = Image.fromarray(PIXELS.astype(np.uint8))
RGB = RGBA.convert("RGB")
DEEP = (ROWS * 2700 + COLUMNS * 90).astype(np.uint16)

MODES = {mode: RGB.convert(mode) for mode in ("1", "L", "P", "RGB", "CMYK", "YCbCr", "LAB", "HSV")}
MODES |= {mode: RGBA.convert(mode) for mode in ("RGBA", "LA", "RGBX", "PA", "RGBa")}
MODES |= {mode: RGB.convert(mode) for mode in ("I", "F")}
MODES["I;16"] = Image.fromarray(DEEP)
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "TGA", "JPEG2000", "PPM")
LOSSLESS = {"WEBP": {"lossless": True}}


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **LOSSLESS.get(kind, {}), **options)
    return file.getvalue()


def written():
    """(format, mode) of all that Pillow writes."""
    for kind in FORMATS:
        for mode, image in MODES.items():
            try:
                encoded(image, kind)
            except (OSError, KeyError, ValueError, SystemError):
                continue
            yield kind, mode


def opened(content):
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize(("kind", "mode"), list(written()))
def test_a_picture_is_what_pillow_makes_of_it_or_is_refused_by_its_name(tmp_path, kind, mode):
    content = encoded(MODES[mode], kind)
    path = tmp_path / f"picture.{kind.lower()}"
    path.write_bytes(content)
    stored = opened(content).mode
    if (kind, stored) in (("TIFF", "I"), ("TIFF", "F"), ("PPM", "F")):
        what = f"a 32-bit {'float' if stored == 'F' else '(signed )?integer'} {kind}"
        with pytest.raises(DataError, match=f"is {what}, which is not supported; save it with 8 "):
            read_picture(path)
        return
    read = read_picture(path)
    if stored in ("I", "I;16", "I;16B"):
        # Pillow cuts off all above 255: the upper of the 16 bits are kept instead.
        upper = (np.asarray(opened(content)).astype(int) >> 8).astype(np.uint8)
        np.testing.assert_array_equal(read, np.repeat(upper[..., None], 3, axis=2))
    else:
        np.testing.assert_array_equal(read, np.asarray(opened(content).convert("RGB")))
    # A prepared set has the file as it is.
    prepared = decode(content, 3)
    np.testing.assert_array_equal(prepared, read)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "TGA", "JPEG2000"])
def test_transparency_is_dropped_alike_in_every_format(tmp_path, kind):
    (tmp_path / "picture").write_bytes(encoded(RGBA, kind))
    np.testing.assert_array_equal(read_picture(tmp_path / "picture"), np.asarray(RGB))


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_palettes_transparent_colour_is_a_colour(tmp_path, kind):
    few = RGB.quantize(16)
    content = encoded(few, kind, transparency=3)
    (tmp_path / "picture").write_bytes(content)
    expected = np.asarray(opened(content).convert("RGB"))
    np.testing.assert_array_equal(read_picture(tmp_path / "picture"), expected)


@pytest.mark.parametrize("kind", ["TIFF", "AVIF"])
@pytest.mark.parametrize("image", [RGB, RGBA])
def test_what_pillow_reads_is_upright_too(tmp_path, kind, image):
    turned = Image.Exif()
    turned[0x112] = 6  # Turn by a quarter clockwise to see it upright.
    (tmp_path / "picture").write_bytes(encoded(image, kind, exif=turned))
    upright = np.rot90(np.asarray(RGB), -1)
    error = np.abs(read_picture(tmp_path / "picture").astype(int) - upright)
    assert error.mean() < (1 if kind == "TIFF" else 8)


@pytest.mark.parametrize("suffix", [".tiff", ".png", ".ppm"])
def test_colours_of_16_bits_are_those_of_their_upper_8(tmp_path, suffix):
    deep = (PIXELS[..., :3] * 257).astype(np.uint16)
    (tmp_path / "picture").write_bytes(cv2.imencode(suffix, deep[..., ::-1])[1].tobytes())
    np.testing.assert_array_equal(read_picture(tmp_path / "picture"), PIXELS[..., :3])


def test_a_float_tiff_that_pillow_does_not_know_is_refused_by_its_name(tmp_path):
    content = cv2.imencode(".tiff", np.ones((4, 4, 3), np.float32))[1].tobytes()
    (tmp_path / "picture").write_bytes(content)
    with pytest.raises(DataError, match="is a 32-bit float TIFF, which is not supported; save"):
        read_picture(tmp_path / "picture")


def png_of_16_bits(pixels, bits):
    """With an sBIT chunk that says `bits`."""
    content = encoded(Image.fromarray(pixels), "PNG")
    chunk = b"sBIT" + bytes([bits])
    after_header = 8 + 25
    chunk = struct.pack(">I", 1) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return content[:after_header] + chunk + content[after_header:]


def test_12_bits_in_16_are_brought_to_the_full_range_where_the_file_says_so(tmp_path):
    twelve = (ROWS * 128 + COLUMNS * 4 + 3).astype(np.uint16)  # To 3071.
    path = tmp_path / "picture.png"
    for stored in (twelve, twelve << 4, twelve << 4 | twelve >> 8):  # The last are the standard's.
        path.write_bytes(png_of_16_bits(stored, 12))
        np.testing.assert_array_equal(read_picture(path)[..., 0], twelve >> 4)
    dark = (twelve >> 5) << 4  # The standard's way, of a picture that is dark.
    path.write_bytes(png_of_16_bits(dark, 12))
    np.testing.assert_array_equal(read_picture(path)[..., 0], dark >> 8)
