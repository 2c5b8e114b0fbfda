import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_sample_image

from jaxcnn.data.augment.transforms import (
    CenterCrop,
    Cutout,
    HorizontalFlip,
    Pad,
    RandomCrop,
    RandomErasing,
    RandomResizedCrop,
    Resize,
    ResizeShorter,
    TimmErasing,
    ToChannels,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def picture(height: int, width: int, channels: int, seed: int = 0) -> np.ndarray:
    """No pixel is 0, so that black is always something that was added."""
    return rng(seed).integers(1, 256, size=(height, width, channels), dtype=np.uint8)


def draws(transform, image: np.ndarray, count: int) -> list[np.ndarray]:
    stream = rng(1)
    return [transform(image, stream) for _ in range(count)]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("transform", "shape"),
    [
        (Resize(5), (5, 5)),
        (Resize((20, 16), interpolation="bicubic"), (20, 16)),
        (Pad((14, 12)), (14, 12)),
        (CenterCrop((7, 5)), (7, 5)),
        (RandomCrop((10, 8), pad=2), (10, 8)),
        (RandomCrop(6), (6, 6)),
        (HorizontalFlip(1.0), (10, 8)),
        (RandomErasing(1.0), (10, 8)),
        (TimmErasing(1.0, (0.5,), (0.2,)), (10, 8)),
        (RandomResizedCrop((7, 9), interpolation="random"), (7, 9)),
        (Cutout(4), (10, 8)),
        (Cutout(4, fill=(9,)), (10, 8)),
    ],
)
def test_images_stay_hwc_bytes_and_the_original_is_untouched(transform, shape, channels):
    image = picture(10, 8, channels)
    original = image.copy()
    image.flags.writeable = False
    for out in draws(transform, image, 20):
        assert out.shape == (*shape, channels)
        assert out.dtype == np.uint8
    np.testing.assert_array_equal(image, original)


@pytest.mark.parametrize("channels", [1, 3])
def test_shrinking_by_a_whole_factor_averages_blocks(channels):
    image = picture(12, 9, channels)
    means = image.reshape(4, 3, 3, 3, channels).mean((1, 3))
    out = Resize((4, 3))(image, rng())
    assert np.abs(out - means).max() <= 0.5


@pytest.mark.parametrize("side", [225, 250, 300, 400, 447, 500, 700])
def test_shrinking_is_antialiased_as_by_pillow(side):
    fine = np.random.default_rng(0).integers(256, size=(side, side, 3), dtype=np.uint8)
    image = cv2.GaussianBlur(fine, (0, 0), 1.5)  # About as fine as photographs are.
    pillow = np.asarray(Image.fromarray(image).resize((224, 224), Image.Resampling.BILINEAR))

    def error(resized):
        return np.abs(resized - pillow.astype(float)).mean()

    aliased = cv2.resize(image, (224, 224), interpolation=cv2.INTER_LINEAR)
    assert error(Resize(224)(image, rng())) < max(0.5, 0.6 * error(aliased))


def test_enlarging_interpolates_between_pixel_centres():
    ramp = np.array([[[10], [50]]], np.uint8)
    out = Resize((1, 4))(ramp, rng())  # Centres at -0.25, 0.25, 0.75 and 1.25 of the two pixels.
    assert out.ravel().tolist() == [10, 20, 40, 50]
    bicubic = Resize((1, 4), interpolation="bicubic")(ramp, rng())
    assert bicubic.ravel().tolist() != out.ravel().tolist()
    assert bicubic[0, 0, 0] < 10  # Overshoots at an edge.


def photograph(height: int, width: int) -> np.ndarray:
    """About as fine as photographs are."""
    fine = rng().integers(256, size=(height, width, 3), dtype=np.uint8)
    return cv2.GaussianBlur(fine, (0, 0), 1.5)


def by_pillow(image: np.ndarray, side: int, resampling: Image.Resampling) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((side, side), resampling))


@pytest.mark.parametrize("shape", [(200, 2000), (2000, 200), (90, 130)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_each_axis_is_antialiased_by_itself_where_one_shrinks_and_the_other_grows(
    shape, interpolation
):
    """Stripes of one pixel across the longer side, and a photograph."""
    stripes = np.zeros((*shape, 3), np.uint8)
    across = stripes if shape[1] > shape[0] else stripes.swapaxes(0, 1)
    across[:, ::2] = 255
    resampling = Image.Resampling[interpolation.upper()]
    for image in (stripes, photograph(*shape)):
        resized = Resize(100 if max(shape) < 200 else 224, interpolation)(image, rng())
        np.testing.assert_array_equal(resized, by_pillow(image, len(resized), resampling))
    if max(shape) == 2000:
        assert Resize(224)(stripes, rng()).std() < 2


@pytest.mark.parametrize(("height", "width"), [(150, 190), (200, 260), (300, 280)])
def test_bicubic_keeps_the_edges_that_pillows_bicubic_keeps(height, width):
    """Within 6 % on a photograph, where bilinear loses a tenth or more."""
    image = load_sample_image("china.jpg")[:height, :width]
    bicubic = by_pillow(image, 224, Image.Resampling.BICUBIC)

    def contrast(pixels: np.ndarray) -> float:
        return np.abs(np.diff(pixels.astype(int), axis=0)).mean()

    def error(pixels: np.ndarray) -> float:
        return np.abs(pixels.astype(int) - bicubic).mean()

    ours, bilinear = Resize(224, "bicubic")(image, rng()), Resize(224)(image, rng())
    assert abs(contrast(ours) / contrast(bicubic) - 1) < 0.06
    assert contrast(bilinear) / contrast(bicubic) < 0.9
    assert error(ours) < 0.7 * error(bilinear)


def test_resizing_to_the_same_size_is_no_work():
    image = picture(8, 8, 3)
    assert Resize(8)(image, rng()) is image
    assert ToChannels(3)(image, rng()) is image


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 5), st.integers(0, 5))
def test_padding_centres_the_image_in_black(height, width, more_rows, more_columns):
    image = picture(height, width, 1)
    out = Pad((height + more_rows, width + more_columns))(image, rng())
    expected = np.pad(
        image,
        (
            (more_rows // 2, more_rows - more_rows // 2),
            (more_columns // 2, more_columns - more_columns // 2),
            (0, 0),
        ),
    )
    np.testing.assert_array_equal(out, expected)


def test_lenet_padding_adds_two_pixels_each_side():
    image = picture(28, 28, 1)
    np.testing.assert_array_equal(Pad(32)(image, rng()), np.pad(image, ((2, 2), (2, 2), (0, 0))))


def test_centre_crop_takes_the_middle():
    image = picture(9, 8, 3)
    np.testing.assert_array_equal(CenterCrop((5, 4))(image, rng()), image[2:7, 2:6])


@pytest.mark.parametrize(("size", "pad"), [((5, 6), 2), ((3, 3), 0), ((4, 6), 1), ((9, 10), 2)])
def test_random_crop_takes_every_window_of_the_padded_image_equally_often(size, pad):
    image = picture(5, 6, 1)
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)))
    windows = {}
    for top in range(5 + 2 * pad - size[0] + 1):
        for left in range(6 + 2 * pad - size[1] + 1):
            window = padded[top : top + size[0], left : left + size[1]]
            windows[window.tobytes()] = 0
    each = 200
    for out in draws(RandomCrop(size, pad), image, each * len(windows)):
        windows[out.tobytes()] += 1
    counts = np.array(list(windows.values()))
    assert ((counts - each) ** 2 / each).sum() <= len(counts) + 4 * (2 * len(counts)) ** 0.5


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_flip_mirrors_left_to_right_with_its_probability(probability, channels):
    image = picture(4, 5, channels)
    mirrored = image[:, ::-1]
    outs = draws(HorizontalFlip(probability), image, 500)
    flipped = [np.array_equal(out, mirrored) for out in outs]
    assert all(was or np.array_equal(out, image) for was, out in zip(flipped, outs, strict=True))
    assert abs(np.mean(flipped) - probability) < 0.1 * (0 < probability < 1) + 1e-9


def rectangle(changed: np.ndarray) -> tuple[int, int, int, int]:
    """Top, left, height and width of the box around the True values."""
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    return rows[0], columns[0], rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1


def test_erasing_covers_a_rectangle_of_the_papers_area_and_aspect_with_noise():
    image = np.zeros((40, 60, 3), np.uint8)
    shares, aspects, noise = [], [], []
    for out in draws(RandomErasing(1.0), image, 400):
        changed = out.any(2)
        top, left, height, width = rectangle(changed)
        inside = out[top : top + height, left : left + width]
        # Noise is black in all three channels once in 2^24 pixels: the box is full.
        assert changed[top : top + height, left : left + width].mean() > 0.99
        shares.append(height * width / (40 * 60))
        aspects.append(height / width)
        noise.append(inside.mean())
    # Sides are rounded to pixels, so the bounds are loose by half a pixel a side.
    assert 0.015 < min(shares) < 0.04
    assert 0.3 < max(shares) < 0.42
    assert 0.25 < min(aspects) < 0.6
    assert 2 < max(aspects) < 3.8
    assert abs(np.mean(noise) - 127.5) < 2


@pytest.mark.parametrize("probability", [0.0, 0.25])
@pytest.mark.parametrize("timms", [False, True])
def test_erasing_leaves_other_images_alone(probability, timms):
    image = picture(8, 8, 1)
    erase = TimmErasing(probability, (0.5,), (0.2,)) if timms else RandomErasing(probability)
    same = [out is image for out in draws(erase, image, 800)]
    assert abs(np.mean(same) - (1 - probability)) < 0.07 * bool(probability) + 1e-9


@pytest.mark.parametrize("size", [1, 4, 5, 30])
def test_cutout_covers_a_square_around_any_pixel_clipped_at_the_border(size):
    image = picture(6, 9, 3)
    seen = {}
    for centre_row in range(6):
        for centre_column in range(9):
            expected = image.copy()
            for row in range(6):
                for column in range(9):
                    down, right = row - centre_row, column - centre_column
                    reach = range(-(size // 2), size - size // 2)
                    if down in reach and right in reach:
                        expected[row, column] = (1, 2, 3)
            seen[expected.tobytes()] = 0
    for out in draws(Cutout(size, fill=(1, 2, 3)), image, 1500):
        seen[out.tobytes()] += 1
    assert min(seen.values()) > 0


def test_grey_is_repeated_over_channels():
    image = picture(3, 4, 1)
    out = ToChannels(3)(image, rng())
    assert out.shape == (3, 4, 3)
    assert (out == image).all()


def test_transforms_are_values():
    assert RandomCrop(32, pad=4) == RandomCrop(32, pad=4)
    assert len({Pad(32), Pad(32), Pad((32, 32))}) == 2
    with pytest.raises(AttributeError):
        Pad(32).size = 3  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (Pad(8), "cannot pad 10x9 to 8x8; resize by interpolation"),
        (CenterCrop((11, 3)), "cannot crop 11x3 from 10x9; resize first"),
        (RandomCrop(14, pad=2), "cannot crop 14x14 from 14x13; resize first"),
        (ToChannels(1), "cannot make 1 channels of 3"),
    ],
)
def test_image_that_cannot_be_brought_there_is_refused(transform, message):
    with pytest.raises(ValueError, match=message):
        transform(picture(10, 9, 3), rng())


@pytest.mark.parametrize("shape", [(300, 400, 3), (400, 300, 3), (50, 70, 1)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_the_shorter_side_comes_to_size_and_the_longer_in_proportion(shape, interpolation):
    image = np.full(shape, 77, np.uint8)
    resized = ResizeShorter(64, interpolation)(image, rng())
    longer = 64 * max(shape[:2]) // min(shape[:2])
    expected = (64, longer) if shape[0] < shape[1] else (longer, 64)
    assert resized.shape == (*expected, shape[2])
    assert (resized == 77).all()


def test_shrinking_to_the_shorter_side_does_not_alias():
    """Stripes finer than the result's pixels turn grey; without antialiasing they stay stripes."""
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    small = ResizeShorter(64)(stripes, rng())
    inner = small[8:-8, 8:-8]
    assert abs(inner.astype(int) - 127).max() <= 2


@given(
    rows=st.integers(1, 60),
    columns=st.integers(1, 60),
    seed=st.integers(0, 2**32 - 1),
)
@settings(deadline=None)
def test_random_windows_lie_in_the_image_and_keep_to_area_and_aspect(rows, columns, seed):
    crop = RandomResizedCrop(8, area=(0.3, 0.9), aspect=(0.5, 2.0))
    window = crop.window(picture(rows, columns, 1), rng(seed))
    height, width = window.height, window.width
    assert 0 <= window.top <= rows - height
    assert 0 <= window.left <= columns - width
    assert min(height, width) >= 1
    if min(rows, columns) >= 30:  # Where rounding to pixels matters little.
        assert 0.25 <= height * width / (rows * columns) <= 1
        assert 0.45 <= width / height <= 2.2


def test_random_resized_crop_gives_its_size_and_is_a_function_of_the_generator():
    image = picture(40, 60, 3)
    crop = RandomResizedCrop((16, 24))
    one, same, other = (crop(image, rng(seed)) for seed in (1, 1, 2))
    assert one.shape == (16, 24, 3)
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
