import cv2
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from jaxcnn.data.augment.resize import Resize, ResizeShorter
from tests.data.augment.pictures import photograph, picture, rng


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
