"""timm's RandAugment: its operations, their values and their pixels; see make_goldens.py."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from jaxcnn.data import DataError
from jaxcnn.data.augment import timm_rand_augment
from jaxcnn.data.augment.augment import Augment
from jaxcnn.data.augment.policies import make_policy
from jaxcnn.data.augment.timm_rand_augment import (
    INCREASING_ENHANCEMENTS,
    OPERATIONS,
    TimmRandAugment,
    is_signed,
    parse,
    perform,
    value_of,
)
from tests.parity.training import cases

GOLDEN = np.load(cases.GOLDENS / "rand_augment.npz")
NAMES = sorted({*OPERATIONS[False], *OPERATIONS[True]})


def test_the_operations_are_timms():
    for increasing, names in OPERATIONS.items():
        assert Counter(names) == Counter(GOLDEN[f"names/{int(increasing)}"].tolist())


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("level", cases.LEVELS)
@pytest.mark.parametrize("name", NAMES)
def test_an_operations_value_is_timms(name, level, sign):
    value = (sign if is_signed(name) else 1) * value_of(name, level)
    if name in INCREASING_ENHANCEMENTS:
        value = max(0.1, 1 + value)  # The factor, which timm has in its place.
    golden = GOLDEN[f"value/{name}/{level}/{sign}"]
    assert golden.size == 0 or value == pytest.approx(golden[0], abs=1e-12)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("name", NAMES)
def test_an_operations_pixels_are_timms(name, interpolation):
    mode = Image.Resampling[interpolation.upper()]
    for level in cases.SEEN:
        for sign in (1, -1):
            value = (sign if is_signed(name) else 1) * value_of(name, level)
            ours = perform(name, cases.picture(), value, interpolation, cases.FILL)
            golden = GOLDEN[f"image/{name}/{level}/{sign}/{int(mode)}"]
            np.testing.assert_array_equal(ours, golden)


def test_the_text_is_read_as_timm_reads_it():
    assert parse("rand") == TimmRandAugment()
    assert parse("rand-m9-mstd0.5-inc1") == TimmRandAugment(9, magnitude_std=0.5, increasing=True)
    assert parse("rand-n3-p0.7-m15-mmax20-inc0") == TimmRandAugment(15, 3, 0.7, most=20)
    assert parse("rand-mstd101").magnitude_std == float("inf")


@pytest.mark.parametrize("text", ["rand-x3", "rand-m", "rand-tweights", "random", "rand--m9", ""])
def test_another_text_is_no_policy(text):
    with pytest.raises(DataError, match="is no policy; name one of autoaugment"):
        parse(text)


def test_half_of_the_operations_are_left_out():
    policy = parse("rand-m9-n1-inc1", fill=cases.FILL)
    image = np.random.default_rng(0).integers(40, 200, size=(32, 32, 3), dtype=np.uint8)
    draws = np.random.default_rng(1)
    unchanged = sum((policy(image, draws) == image).all() for _ in range(600))
    assert 260 < unchanged < 340


def test_levels_are_drawn_around_the_magnitude_and_end_at_ten():
    policy, draws = parse("rand-m9-mstd0.5"), np.random.default_rng(0)
    levels = np.array([policy._level(draws) for _ in range(2000)])
    assert levels.max() == 10 and levels.std() == pytest.approx(0.48, abs=0.03)
    uniform = [parse("rand-m8-mstd101")._level(draws) for _ in range(2000)]
    assert min(uniform) < 0.1 and 7.9 < max(uniform) <= 8


def test_by_name_it_takes_the_flags():
    name, augment = "randaugment_timm", Augment(magnitude_std=0.5, num_ops=3)
    bicubic = replace(augment, magnitude=7, interpolation="bicubic")
    policy = make_policy(name, bicubic, thumbnails=False, fill=cases.FILL)
    assert policy == parse("rand-m7-mstd0.5-n3", fill=cases.FILL, interpolation="bicubic")
    with pytest.raises(DataError, match="counts to 10, not to 15; as rand-m15-mmax20 it goes on"):
        make_policy(name, replace(augment, magnitude=15), thumbnails=False)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_what_is_moved_is_interpolated_as_asked(interpolation, monkeypatch):
    asked = []
    monkeypatch.setattr(
        timm_rand_augment, "perform", lambda *given: asked.append(given[3]) or given[1]
    )
    policy, draws = parse("rand-m9-p1", interpolation=interpolation), np.random.default_rng(0)
    for _ in range(20):
        policy(cases.picture(), draws)
    assert set(asked) == {interpolation}
    asked.clear()
    for _ in range(20):
        parse("rand-m9-p1")(cases.picture(), draws)
    assert set(asked) == {"bilinear", "bicubic"}


def test_grey_images_stay_grey():
    policy = make_policy("rand-m9-n4-p1", Augment(), thumbnails=False)
    image = cases.picture()[..., :1]
    for seed in range(50):
        assert policy(image, np.random.default_rng(seed)).shape == image.shape
