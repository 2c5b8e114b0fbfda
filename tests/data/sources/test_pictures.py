"""Pictures as they come from cameras and web sites: each is read, or refused by name."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from jaxcnn.data.augment.resize import ResizeShorter
from jaxcnn.data.errors import DataError, DataNotFound
from jaxcnn.data.sources.picture_files import find_pictures, pictures_below
from jaxcnn.data.sources.pictures import UNREADABLE, Pictures, read_encoded, read_picture

ROWS, COLUMNS = np.mgrid[:60, :80]
PIXELS = np.stack([ROWS * 4, COLUMNS * 3, np.full_like(ROWS, 150)], -1).astype(np.uint8)
RGB = Image.fromarray(PIXELS)
RED_THEN_BLUE = [Image.new("RGB", (80, 60), colour) for colour in ("red", "blue")]


def saved(tmp_path, name, image, **options):
    path = tmp_path / name
    image.save(path, **options)
    return path


def error_of(actual):
    return np.abs(actual.astype(int) - PIXELS).mean()


@pytest.mark.parametrize(
    ("name", "image", "options", "tolerance"),
    [
        ("plain.png", RGB, {}, 0),
        ("plain.bmp", RGB, {}, 0),
        ("plain.tif", RGB, {}, 0),
        ("plain.webp", RGB, {"lossless": True}, 0),
        ("plain.jpg", RGB, {"quality": 95}, 2),
        ("cmyk.jpg", RGB.convert("CMYK"), {"quality": 95}, 3),
        ("cmyk.tif", RGB.convert("CMYK"), {}, 1),
        ("palette.png", RGB.quantize(256), {}, 8),
        ("palette.gif", RGB.quantize(256), {}, 8),
        ("alpha.png", RGB.convert("RGBA"), {}, 0),
    ],
)
def test_every_kind_comes_out_as_red_green_and_blue(tmp_path, name, image, options, tolerance):
    read = read_picture(saved(tmp_path, name, image, **options))
    assert (read.dtype, read.shape) == (np.uint8, (60, 80, 3))
    assert error_of(read) <= tolerance


@pytest.mark.parametrize("name", ["grey.png", "grey.tif"])
def test_16_bits_become_8_and_grey_three_equal_channels(tmp_path, name):
    grey = PIXELS[..., 0].astype(np.uint16) * 257
    read = read_picture(saved(tmp_path, name, Image.fromarray(grey)))
    np.testing.assert_array_equal(read, np.repeat(PIXELS[..., :1], 3, axis=2))


@pytest.mark.parametrize("name", ["moving.gif", "moving.webp", "moving.png"])
def test_of_an_animation_the_first_frame_counts(tmp_path, name):
    first, *others = RED_THEN_BLUE
    read = read_picture(saved(tmp_path, name, first, save_all=True, append_images=others))
    assert read.shape == (60, 80, 3)
    np.testing.assert_allclose(read.mean((0, 1)), (255, 0, 0), atol=3)


@pytest.mark.parametrize("name", ["turned.jpg", "turned.png", "turned.webp"])
def test_the_cameras_orientation_is_applied(tmp_path, name):
    exif = Image.Exif()
    exif[0x112] = 6  # Turn by a quarter clockwise to see it upright.
    read = read_picture(saved(tmp_path, name, RGB, exif=exif, quality=95))
    upright = np.rot90(PIXELS, -1)
    assert np.abs(read.astype(int) - upright).mean() < 8


def test_one_pixel_is_a_picture(tmp_path):
    read = read_picture(saved(tmp_path, "one.png", Image.new("RGB", (1, 1), (1, 2, 3))))
    assert read.tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_a_file_cut_short_is_refused_by_name(tmp_path, kind, share):
    encoded = io.BytesIO()
    noise = np.random.default_rng(0).integers(256, size=(60, 80, 3), dtype=np.uint8)
    Image.fromarray(noise).save(encoded, kind)
    path = tmp_path / "cut.jpg"
    path.write_bytes(encoded.getvalue()[: int(share * len(encoded.getvalue()))])
    with pytest.raises(DataError, match=r"cut\.jpg is (damaged or incomplete|not a picture)"):
        read_picture(path)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"<html>404</html>"])
def test_what_is_no_picture_is_refused_by_name(tmp_path, content):
    path = tmp_path / "page.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"page\.jpg is not a picture; replace or remove it"):
        read_picture(path)


def test_a_pipe_is_refused_by_name_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "picture.jpg")
    with pytest.raises(DataError, match="picture.jpg is a pipe or a device and no file"):
        read_picture(tmp_path / "picture.jpg")


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    for name in ("folder.jpg", "missing.jpg"):
        with pytest.raises(DataError, match=f"{name} cannot be read: "):
            read_picture(tmp_path / name)


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises so many pixels and has none."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


@pytest.mark.filterwarnings("ignore:Image size")
@pytest.mark.parametrize(("width", "height"), [(20_000, 20_000), (10_000, 10_000)])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path, monkeypatch, width, height):
    import cv2

    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    (tmp_path / "bomb.png").write_bytes(png_header(width, height))
    with pytest.raises(DataError, match=r"bomb\.png has .*89,478,485.* shrink it"):
        read_picture(tmp_path / "bomb.png")


def test_a_strip_that_resizing_would_blow_up_is_refused(tmp_path):
    path = saved(tmp_path, "strip.png", Image.new("RGB", (101, 1)))
    with pytest.raises(DataError, match=r"strip\.png is a strip of 101x1 pixels"):
        read_picture(path)


def test_grey_is_one_channel_where_one_is_asked_for(tmp_path):
    grey = read_picture(saved(tmp_path, "grey.png", RGB.convert("L")), channels=1)
    np.testing.assert_array_equal(grey[..., 0], np.asarray(RGB.convert("L")))


def test_among_others_a_bad_picture_is_named_and_the_others_are_read(tmp_path):
    good, bad = saved(tmp_path, "good.png", RGB), tmp_path / "bad.png"
    bad.write_bytes(b"not a picture")
    source = Pictures([good, bad, good], channels=3, transforms=[ResizeShorter(8)])
    examples = [source[i] for i in range(len(source))]
    assert [example["label"] for example in examples] == [0, UNREADABLE, 0]
    assert list(source.problems) == [1] and str(bad) in source.problems[1]
    np.testing.assert_array_equal(examples[0]["image"], examples[2]["image"])


def test_a_picture_that_a_transform_cannot_take_is_named(tmp_path):
    def refuse(image, rng):
        if image.shape[0] > 1:
            raise MemoryError("too\nlarge")
        return image

    path = saved(tmp_path, "good.png", RGB)
    source = Pictures([path], channels=3, transforms=[refuse])
    assert source[0]["label"] == UNREADABLE
    problem = f"{path} cannot be brought to the model: MemoryError: too large"
    assert source.problems == {0: problem}


def test_a_folder_stands_for_the_pictures_below_it(tmp_path):
    for name in ("b/2.png", "b/1.JPG", "a.webp", "notes.txt"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    text = str(tmp_path / "in" / "notes.txt")  # Named, it is to be read; in a folder, it is not.
    found = find_pictures([text, str(tmp_path / "in")])
    names = [str(path.relative_to(tmp_path / "in")) for path in found]
    assert names == ["notes.txt", "a.webp", "b/1.JPG", "b/2.png"]


def test_a_place_without_pictures_is_refused(tmp_path):
    with pytest.raises(DataNotFound, match="no file or folder /nowhere/1.png"):
        find_pictures(["/nowhere/1.png"])
    with pytest.raises(
        DataNotFound, match=r"has no picture \(.apng, .avif, .bmp, .*; give others by"
    ):
        find_pictures([str(tmp_path)])
    with pytest.raises(DataNotFound, match="cannot be read: File name too long"):
        find_pictures(["x" * 5000])


def test_a_name_that_is_no_text_is_refused(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"")
    with pytest.raises(DataError, match=r"caf\\xe9\.jpg' is not UTF-8; rename it") as caught:
        list(pictures_below(tmp_path))
    str(caught.value).encode()


def test_a_file_is_taken_as_it_is_once_it_can_be_read(tmp_path):
    path = saved(tmp_path, "good.jpg", RGB)
    assert read_encoded(path) == path.read_bytes()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"good\.jpg is damaged or incomplete"):
        read_encoded(path)


def test_a_folder_that_may_not_be_read_is_not_taken_for_an_empty_one(tmp_path, monkeypatch):
    """The superuser may read all, so the system's answer is made up."""
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        list(pictures_below(tmp_path))
