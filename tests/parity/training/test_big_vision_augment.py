"""big_vision's RandAugment: its operations, values and pixels; see make_big_vision_goldens.py."""

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jaxcnn.data import DataError
from jaxcnn.data.augment import big_vision
from jaxcnn.data.augment.augment import Augment
from jaxcnn.data.augment.big_vision import (
    OPERATIONS,
    SIGNED,
    BigVisionRandAugment,
    perform,
    value_of,
)
from jaxcnn.data.augment.policies import make_policy
from jaxcnn.data.augment.warp import Sampling
from tests.parity.training import cases

GOLDEN = np.load(cases.GOLDENS / "big_vision_augment.npz")
WARPS = ("Rotate", "ShearX", "ShearY")


def changed(name: str, image: np.ndarray, level: int, sign: int = 1) -> np.ndarray:
    """With the Cutout where the golden has it."""
    centres = iter(cases.CENTRES)
    draws: Any = SimpleNamespace(integers=lambda end: next(centres))
    value = (sign if name in SIGNED else 1) * value_of(name, level)
    return perform(name, image, value, Sampling("nearest", (128,)), draws)


def test_the_operations_are_big_visions():
    assert Counter(OPERATIONS) == Counter(GOLDEN["names"].tolist())


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operations_values_and_signs_are_big_visions(name, sign):
    for level in cases.BIG_VISION_LEVELS:
        golden = GOLDEN[f"value/{name}/{level}/{sign}"]
        value = (sign if name in SIGNED else 1) * value_of(name, level)
        assert golden.size == 0 or value == pytest.approx(golden[0], abs=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operations_pixels_are_big_visions(name, sign):
    """Those that are warped, but where a source is halfway between two pixels: a tenth of some."""
    for level in cases.BIG_VISION_SEEN:
        ours = changed(name, cases.picture(), level, sign)
        golden = GOLDEN[f"image/{name}/{level}/{sign}"]
        differ = (ours != golden).any(axis=2)
        assert differ.mean() <= (0.1 if name in WARPS and level in (10, 15) else 0)


def test_contrast_is_around_a_grey_that_grows_with_the_image():
    ours = changed("Contrast", cases.large_picture(), 10)
    np.testing.assert_array_equal(ours, GOLDEN["contrast_of_a_large_image"])


def test_a_threshold_of_256_is_one_of_0():
    """As TensorFlow has it, where the constant becomes a byte: level 10 inverts the image."""
    np.testing.assert_array_equal(GOLDEN["image/Solarize/10/1"], 255 - cases.picture())
    np.testing.assert_array_equal(changed("Solarize", cases.picture(), 10), 255 - cases.picture())


def test_each_operation_is_drawn_as_often_and_half_of_the_signs_are_negative(monkeypatch):
    calls: list[tuple[str, float]] = []

    def recorded(name, image, value, sampling, rng):
        calls.append((name, value))
        return image

    monkeypatch.setattr(big_vision, "perform", recorded)
    draws = np.random.default_rng(0)
    for _ in range(2000):
        BigVisionRandAugment(2, 10)(cases.picture(), draws)
    counts, each = Counter(name for name, _ in calls), 4000 / len(OPERATIONS)
    assert all(abs(counts[name] - each) < 5 * each**0.5 for name in OPERATIONS)
    assert {abs(value) for name, value in calls if name == "TranslateX"} == {100}
    signed = [value > 0 for name, value in calls if name in SIGNED]
    assert abs(np.mean(signed) - 0.5) < 0.06


@pytest.mark.parametrize("channels", [1, 3])
def test_the_image_is_a_function_of_the_generator_and_the_original_is_untouched(channels):
    image = cases.picture()[..., :channels]
    image.flags.writeable = False
    policy = BigVisionRandAugment()
    for seed in range(60):
        out = policy(image, np.random.default_rng(seed))
        assert out.dtype == np.uint8 and out.shape == image.shape
        np.testing.assert_array_equal(out, policy(image, np.random.default_rng(seed)))


def test_it_is_found_by_name_and_has_one_magnitude():
    name, augment = "randaugment_big_vision", Augment(magnitude=15, num_ops=3)
    policy = make_policy(name, augment, thumbnails=False)
    assert policy == BigVisionRandAugment(3, 15)
    with pytest.raises(DataError, match="has one magnitude; its deviation is 0"):
        make_policy(name, replace(augment, magnitude_std=0.5), thumbnails=False)
