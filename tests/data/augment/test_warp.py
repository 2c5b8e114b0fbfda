"""Against Pillow's affine transforms, by the formulas of torchvision's operations."""

import math

import numpy as np
import pytest
from PIL import Image

from jaxcnn.data.augment import warp
from jaxcnn.data.augment.warp import Sampling

FILL = (7, 80, 200)


def picture(height: int, width: int, channels: int = 3) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(256, size=(height, width, channels), dtype=np.uint8)


def smooth_picture(height: int, width: int) -> np.ndarray:
    coarse = Image.fromarray(picture(5, 6))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


def pillows(image: np.ndarray, matrix: tuple[float, ...], sampling: Sampling) -> np.ndarray:
    return np.asarray(
        Image.fromarray(image).transform(
            (image.shape[1], image.shape[0]),
            Image.Transform.AFFINE,
            matrix,
            Image.Resampling[sampling.interpolation.upper()],
            fillcolor=sampling.fill,
        )
    )


def matrix_of(operation, value: float, height: int, width: int) -> tuple[float, ...]:
    """Where Pillow takes a pixel from, by torchvision's definitions."""
    if operation is warp.rotate:
        cos, sin = math.cos(math.radians(value)), math.sin(math.radians(value))
        x, y = width / 2, height / 2
        return (cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos)
    return {
        warp.shear_x: (1, value, 0, 0, 1, 0),
        warp.shear_y: (1, 0, 0, value, 1, 0),
        warp.translate_x: (1, 0, -int(value), 0, 1, 0),
        warp.translate_y: (1, 0, 0, 0, 1, -int(value)),
    }[operation]


def sources(matrix: tuple[float, ...], height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y of where each pixel is taken from, [height, width]."""
    y, x = np.mgrid[:height, :width] + 0.5
    a, b, c, d, e, f = matrix
    return a * x + b * y + c, d * x + e * y + f


SHEARS = [(op, value) for op in (warp.shear_x, warp.shear_y) for value in (0.09, -0.3, 0.2, 0.99)]
SHIFTS = [(op, value) for op in (warp.translate_x, warp.translate_y) for value in (5, -4.9, 0, 90)]
TURNS = [(warp.rotate, value) for value in (0, 9, -30, 90, 135)]


@pytest.mark.parametrize(("operation", "value"), SHEARS + SHIFTS + TURNS)
@pytest.mark.parametrize(("height", "width"), [(32, 32), (45, 60)])
def test_nearest_takes_pillows_pixels(operation, value, height, width):
    """But where a source lies on the edge between two: there it may be either."""
    image = picture(height, width)
    matrix = matrix_of(operation, value, height, width)
    ours = operation(image, value, Sampling("nearest", FILL))
    theirs = pillows(image, matrix, Sampling("nearest", FILL))
    x, y = sources(matrix, height, width)
    clear = (abs(x - x.round()) > 2e-3) & (abs(y - y.round()) > 2e-3)
    np.testing.assert_array_equal(ours[clear], theirs[clear])
    if value not in (90, 0.2, 135):  # Values that put many sources on edges.
        assert clear.mean() > 0.95


@pytest.mark.parametrize(("operation", "value"), SHEARS + SHIFTS + TURNS)
@pytest.mark.parametrize(("height", "width"), [(32, 32), (45, 60)])
def test_bilinear_interpolates_as_pillow_does_away_from_the_border(operation, value, height, width):
    """Within one level: Pillow rounds twice. At the border it does not blend with the fill."""
    image = smooth_picture(height, width)
    ours = operation(image, value, Sampling("bilinear", FILL))
    matrix = matrix_of(operation, value, height, width)
    theirs = pillows(image, matrix, Sampling("bilinear", FILL))
    x, y = sources(matrix, height, width)
    inside = (x > 0.51) & (x < width - 0.51) & (y > 0.51) & (y < height - 0.51)
    outside = (x < -0.51) | (x > width + 0.51) | (y < -0.51) | (y > height + 0.51)
    assert np.abs(ours.astype(int) - theirs)[inside].max(initial=0) <= 1
    assert (ours[outside] == FILL).all()
    assert inside.sum() + outside.sum() > 0.8 * height * width


@pytest.mark.parametrize(("operation", "value"), SHEARS + SHIFTS + TURNS)
def test_bicubic_is_pillows(operation, value):
    image, sampling = picture(45, 60), Sampling("bicubic", FILL)
    theirs = pillows(image, matrix_of(operation, value, 45, 60), sampling)
    np.testing.assert_array_equal(operation(image, value, sampling), theirs)


def test_the_coin_falls_on_either_side_and_nothing_is_drawn_without_it():
    draws = np.random.default_rng(0)
    drawn = {Sampling("random", FILL).drawn(draws) for _ in range(20)}
    assert drawn == {Sampling("bilinear", FILL), Sampling("bicubic", FILL)}
    before = draws.bit_generator.state
    assert Sampling("nearest").drawn(draws) == Sampling("nearest")
    assert draws.bit_generator.state == before


def test_directions_are_as_documented():
    image = np.zeros((5, 5, 1), np.uint8)
    image[2, 2] = 255  # Row 2, column 2.
    sampling = Sampling()

    def place(out: np.ndarray) -> list[int]:
        return np.argwhere(out[..., 0] == 255)[0].tolist()

    assert place(warp.translate_x(image, 1.9, sampling)) == [2, 3]
    assert place(warp.translate_x(image, -1.9, sampling)) == [2, 1]
    assert place(warp.translate_y(image, 2, sampling)) == [4, 2]
    assert place(warp.shear_x(image, 0.4, sampling)) == [2, 1]
    assert place(warp.shear_y(image, 0.4, sampling)) == [1, 2]
    image = np.roll(image, 1, axis=1)  # Right of the centre goes up.
    assert place(warp.rotate(image, 90, sampling)) == [1, 2]


@pytest.mark.parametrize("fill", [(9,), (9, 9, 9)])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_what_was_outside_has_the_fill_in_every_channel(fill, interpolation):
    out = warp.translate_x(picture(6, 6), 2, Sampling(interpolation, fill))
    assert (out[:, :2] == 9).all()
    np.testing.assert_array_equal(out[:, 2:], picture(6, 6)[:, :-2])


@pytest.mark.parametrize("operation", [op for op, _ in SHEARS[::4] + SHIFTS[::4] + TURNS[:1]])
@pytest.mark.parametrize("channels", [1, 3])
def test_no_value_is_no_change_and_the_original_is_untouched(operation, channels):
    image = picture(9, 8, channels)[1:, ::-1]
    image.flags.writeable = False
    np.testing.assert_array_equal(operation(image, 0.0, Sampling()), image)
    assert operation(image, 0.7, Sampling("bilinear")).shape == image.shape
    np.testing.assert_array_equal(image, picture(9, 8, channels)[1:, ::-1])


def test_of_two_pixels_equally_near_pillows_is_taken_but_for_few():
    """A tenth of the sources of this shear lie on the edge between two pixels."""
    image, sampling = picture(64, 64), Sampling("nearest", FILL)
    ours = warp.shear_y(image, 0.2, sampling)
    theirs = pillows(image, matrix_of(warp.shear_y, 0.2, 64, 64), sampling)
    assert (ours != theirs).any(axis=2).mean() < 0.02
