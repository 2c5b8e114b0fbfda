"""The authors' programs, and ours by their numbers and on their images: see make_goldens.py."""

import json

import numpy as np
import pytest

from jaxcnn.data.corrupt.published import (
    COMMON,
    CORRUPTIONS,
    EXTRA,
    SEVERITIES,
    corruption,
    published_set,
)
from jaxcnn.data.errors import DataError
from jaxcnn.errors import UserError
from tests.data.augment.pictures import noise, photograph, rng
from tests.data.corrupt.cases import GOLDENS, PROGRAMS, picture, rng_for

PARAMETERS = json.loads((GOLDENS / "parameters.json").read_text())
IMAGES = dict(np.load(GOLDENS / "images.npz"))
# Grey levels that a value may be apart, and the share of values that may be. Levels are cut off, so
# the last bit of a fraction can be a level: more so where saturation or value are wholes of them.
# OpenCV before 5 takes what lies between pixels from 32 places, which elastic transforms show.
APART = {"brightness": (1, 0.02), "saturate": (1, 0.1), "elastic_transform": (3, 0.3)}
LAST_BIT = (1, 0.01)
DRAWN = {"shot_noise", "gaussian_noise", "impulse_noise", "speckle_noise", "glass_blur"}
DRAWN |= {"motion_blur", "snow", "frost", "fog", "elastic_transform", "spatter"}


@pytest.mark.parametrize("of_set", PROGRAMS)
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_strengths_are_the_published_ones(of_set, name):
    ours = [list(np.atleast_1d(each)) for each in CORRUPTIONS[name].strengths[of_set]]
    if name == "zoom_blur":
        ours = [[1, *each] for each in ours]  # Theirs say where enlargement begins.
    if name == "frost":
        sizes = {"imagenet_c": 1, "tiny_imagenet_c": 0.3, "cifar10_c": 0.2}
        assert {each.pop() for each in ours} == {sizes[of_set]}  # How they shrink photographs.
    np.testing.assert_allclose(ours, PARAMETERS[of_set][name], rtol=1e-12)
    assert len(ours) == len(SEVERITIES)


def test_all_of_the_published_corruptions_are_there():
    assert (len(COMMON), len(EXTRA)) == (15, 4)
    assert all(CORRUPTIONS.keys() == found.keys() for found in PARAMETERS.values())


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if name != "frost"])
def test_images_are_the_published_programs_images_by_the_same_random_numbers(name):
    levels, share = APART.get(name, LAST_BIT)
    keys = [key for key in IMAGES if key.split("/")[1] == name]
    assert len(keys) == len(PROGRAMS) * len(SEVERITIES)
    for key in keys:
        of_set, _, severity = key.split("/")
        _, side, every = PROGRAMS[of_set]
        transform = CORRUPTIONS[name].at(of_set, int(severity))  # pyright: ignore[reportArgumentType]
        ours = transform(picture(side), rng_for(int(severity)))[::every, ::every]
        apart = np.abs(ours.astype(int) - IMAGES[key])
        assert apart.max() <= levels, key
        assert (apart > 0).mean() <= share, key


@pytest.mark.parametrize("size", [(8, 8, 1), (28, 28, 1), (45, 64, 3), (130, 121, 1)])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_images_of_any_size_stay_of_their_kind(name, size):
    image = noise(*size)
    kept = image.copy()
    for severity in SEVERITIES:
        transform = corruption(name, severity, min(size[:2]))
        out = transform(image, rng(severity))
        assert (out.shape, out.dtype) == (size, np.uint8)
        np.testing.assert_array_equal(out, transform(image, rng(severity)))
        differs = not np.array_equal(out, transform(image, rng(severity + 9)))
        # On the smallest images two draws may do the same.
        assert differs == (name in DRAWN) or (name in DRAWN and min(size[:2]) < 32)
    np.testing.assert_array_equal(image, kept)


@pytest.mark.parametrize(
    "name", sorted({*CORRUPTIONS} - {"saturate", "elastic_transform", "frost"})
)
def test_the_last_severity_takes_an_image_further_than_the_first(name):
    """Saturation goes down, then up; elastic transforms stretch, then tear; frost whitens, then
    darkens."""
    image = photograph(64, 64)

    def apart(severity: int) -> float:
        out = corruption(name, severity, 64)(image, rng(severity))
        return np.abs(out.astype(float) - image).mean()

    assert apart(5) > 1.2 * apart(1) > 0


def test_the_nearest_published_set_by_size_gives_the_strengths():
    sides = (8, 28, 32, 45, 46, 64, 119, 120, 160, 224, 384)
    sets = [published_set(side) for side in sides]
    assert sets == ["cifar10_c"] * 4 + ["tiny_imagenet_c"] * 3 + ["imagenet_c"] * 4
    assert corruption("contrast", 5, 32) == CORRUPTIONS["contrast"].at("cifar10_c", 5)


def test_what_does_not_exist_is_refused_with_what_does():
    with pytest.raises(UserError, match="unknown corruption 'fogg'; did you mean 'fog'"):
        corruption("fogg", 1, 224)
    with pytest.raises(DataError, match="severity 0 of fog is not one of 1 to 5"):
        corruption("fog", 0, 224)
