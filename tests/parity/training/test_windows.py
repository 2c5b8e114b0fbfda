"""timm's random crops and random erasing, draw for draw; see make_goldens.py."""

import numpy as np
import pytest

from jaxcnn.data.augment.erasing import TimmErasing
from jaxcnn.data.augment.random_resized_crop import RandomResizedCrop
from tests.parity.training import cases

GOLDEN = np.load(cases.GOLDENS / "windows.npz")


@pytest.mark.parametrize(("height", "width"), cases.WINDOWED)
def test_crops_and_how_they_are_interpolated_are_timms(height, width):
    crop = RandomResizedCrop(32, interpolation="random")
    image = np.zeros((height, width, 3), np.uint8)
    for seed, golden in enumerate(GOLDEN[f"cropped/{height}x{width}"]):
        window = crop.window(image, np.random.default_rng(seed))
        mode = {"bilinear": 2, "bicubic": 3}[window.interpolation]
        assert [window.top, window.left, window.height, window.width, mode] == golden.tolist()


@pytest.mark.parametrize(("height", "width"), cases.WINDOWED)
def test_boxes_that_are_erased_are_timms(height, width):
    erase = TimmErasing(0.8, mean=(0.5,), std=(0.01,))
    image = np.zeros((height, width, 3), np.uint8)
    for seed, golden in enumerate(GOLDEN[f"erased/{height}x{width}"]):
        covered = erase(image, np.random.default_rng(seed)).any(axis=2)
        expected = np.zeros_like(covered)
        top, left, rows, columns = golden
        expected[top : top + rows, left : left + columns] = True
        np.testing.assert_array_equal(covered, expected)


def test_what_is_erased_is_normal_noise_once_normalised_but_for_its_ends():
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    erase = TimmErasing(1.0, mean, std, area=(0.9, 0.9), least_aspect=0.99)
    erased = erase(np.zeros((301, 300, 3), np.uint8), np.random.default_rng(0))
    noise = erased[erased.any(axis=2)] / 255
    normalised = (noise - mean) / std
    np.testing.assert_allclose(normalised.mean(axis=0), 0, atol=0.03)
    np.testing.assert_allclose(normalised.std(axis=0), 1, atol=0.04)
    cut_off = (noise == 0) | (noise == 1)
    assert 0.02 < cut_off.mean() < 0.04
