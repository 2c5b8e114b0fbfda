"""What holds for all transforms."""

import numpy as np
import pytest

from jaxcnn.data.augment.blur import GaussianBlur
from jaxcnn.data.augment.channels import ToChannels
from jaxcnn.data.augment.color_jitter import ColorJitter
from jaxcnn.data.augment.crop import CenterCrop, RandomCrop
from jaxcnn.data.augment.cutout import Cutout
from jaxcnn.data.augment.erasing import RandomErasing, TimmErasing
from jaxcnn.data.augment.flip import HorizontalFlip
from jaxcnn.data.augment.grayscale import Grayscale
from jaxcnn.data.augment.lighting import Lighting
from jaxcnn.data.augment.pad import Pad
from jaxcnn.data.augment.random_resized_crop import RandomResizedCrop
from jaxcnn.data.augment.resize import Resize
from jaxcnn.data.errors import DataError
from tests.data.augment.pictures import draws, noise, picture, rng


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


COLOURS = (
    ColorJitter(0.4, 0.4, 0.4, 0.1),
    Lighting(0.5),
    Grayscale(0.5),
    GaussianBlur(0.5),
)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("transform", COLOURS, ids=repr)
def test_changed_colours_stay_hwc_bytes_and_the_original_is_untouched(transform, channels):
    image = noise(12, 9, channels)[:, ::-1][2:, 1:]  # A view, as a crop is.
    original = image.copy()
    image.flags.writeable = False
    if channels == 1 and isinstance(transform, Lighting):
        with pytest.raises(DataError, match="lighting needs 3 channels, the image has 1"):
            transform(image, rng())
        return
    outs = [transform(image, rng(seed)) for seed in range(10)]
    for out in outs:
        assert out.dtype == np.uint8
        assert out.shape == image.shape
    np.testing.assert_array_equal(image, original)
    again = [transform(image, rng(seed)) for seed in range(10)]
    np.testing.assert_array_equal(outs, again)


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
