"""Planted copies are found across splits; unrelated pictures, plain ones among them, are not."""

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from jaxcnn.data.inspect.duplicates import (
    Fingerprints,
    copies,
    exact_pairs,
    fingerprint,
    near_pairs,
)


def draw(seed: int, shape=(40, 48, 3)) -> np.ndarray:
    """Blots of many sizes, as a photograph has."""
    rng = np.random.default_rng(seed)
    image = sum(
        weight * gaussian_filter(rng.normal(size=shape), (sigma, sigma, 0)) * sigma
        for sigma, weight in ((1, 1), (3, 1), (8, 2))
    )
    return np.clip(128 + 50 * image / image.std(), 0, 255).astype(np.uint8)


def stroke(x: int, slant: int, side: int = 28) -> np.ndarray:
    image = np.zeros((side, side, 1), np.uint8)
    cv2.line(image, (x - slant, 5), (x + slant, side - 6), 255, 3, cv2.LINE_AA)
    return image


def as_jpeg(image: np.ndarray) -> np.ndarray:
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 75])[1]
    return cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED).reshape(image.shape)


def brightened(image: np.ndarray) -> np.ndarray:
    return np.clip(image.astype(np.int32) + 12, 0, 255).astype(np.uint8)


def prints(images) -> Fingerprints:
    return Fingerprints.of([fingerprint(image) for image in images])


TRAIN = prints([draw(seed) for seed in range(30)])


def test_an_exact_copy_is_found_and_is_no_near_one():
    test = prints([draw(100), draw(7), draw(101)])
    assert [(pair.first, pair.second) for pair in exact_pairs(TRAIN, test)] == [(7, 1)]
    assert near_pairs(TRAIN, test) == []


@pytest.mark.parametrize(
    "change",
    [
        as_jpeg,
        brightened,
        lambda image: image[1:, 1:],
        lambda image: np.roll(image, 1, axis=1),
        lambda image: cv2.resize(image, (96, 80)),
    ],
    ids=["jpeg", "brightened", "cropped by a pixel", "moved by a pixel", "enlarged"],
)
def test_a_changed_copy_is_found_with_its_original(change):
    test = prints([draw(100), change(draw(7)), draw(101), change(draw(23))])
    assert exact_pairs(TRAIN, test) == []
    pairs = near_pairs(TRAIN, test)
    assert {(pair.first, pair.second) for pair in pairs} == {(7, 1), (23, 3)}
    assert all(0.85 <= pair.similarity <= 1 for pair in pairs)


def test_unrelated_pictures_are_no_pairs():
    test = prints([draw(seed) for seed in range(100, 200)])
    assert near_pairs(TRAIN, test) == []


def test_the_most_similar_of_several_is_the_one_that_is_named():
    train = prints([as_jpeg(as_jpeg(draw(7)[2:, 2:])), draw(7), draw(1)])
    (pair,) = near_pairs(train, prints([brightened(draw(7))]))
    assert pair.first == 1


def test_a_sky_of_one_colour_is_like_no_other():
    def sky(seed):
        ramp = np.linspace(120, 200, 32)[:, None, None].repeat(32, 1).repeat(3, 2)
        noise = np.random.default_rng(seed).normal(scale=2, size=(32, 32, 3))
        return np.clip(ramp + noise, 0, 255).astype(np.uint8)

    assert near_pairs(prints(map(sky, range(20))), prints(map(sky, range(20, 40)))) == []


def test_the_same_haze_without_common_detail_is_no_pair():
    def hazy(seed):
        haze = gaussian_filter(draw(1, (32, 32, 3)).astype(float), (2, 2, 0))
        noise = np.random.default_rng(seed).normal(scale=0.3 * haze.std(), size=haze.shape)
        fine = noise - gaussian_filter(noise, (1.5, 1.5, 0))
        return np.clip(haze + fine, 0, 255).astype(np.uint8)

    one, other = prints([hazy(5)]), prints([hazy(6)])
    bits = (int(one.hashes[0]) ^ int(other.hashes[0])).bit_count()
    correlation = np.corrcoef(one.thumbnails.ravel(), other.thumbnails.ravel())[0, 1]
    assert bits <= 12 and correlation > 0.85, "alike as a whole"
    assert near_pairs(one, other) == []


def test_strokes_on_an_empty_background_are_alike_only_if_they_are_equal_but_for_noise():
    train = prints([stroke(x, slant) for x in (9, 11, 13, 15, 17) for slant in (1, 5)])
    others = prints([stroke(x, slant) for x in (9, 11, 13, 15, 17) for slant in (2, 6)])
    assert near_pairs(train, others) == []
    (pair,) = near_pairs(train, prints([as_jpeg(stroke(13, 5))]))
    assert (pair.first, pair.second) == (5, 0)


@pytest.mark.parametrize("image", [np.full((32, 32, 3), 90, np.uint8), draw(0)[:8, :8]])
def test_empty_and_tiny_pictures_have_exact_copies_only(image):
    changed = image.copy()
    changed[0, 0] += 1
    one, other = prints([image]), prints([image, changed])
    assert [pair.second for pair in exact_pairs(one, other)] == [0]
    assert near_pairs(one, other) == []


def test_the_same_bytes_in_another_shape_are_another_picture():
    pixels = np.arange(48, dtype=np.uint8)
    one, other = prints([pixels.reshape(4, 4, 3)]), prints([pixels.reshape(2, 8, 3)])
    assert exact_pairs(one, other) == []


def test_copies_within_a_split_name_the_first():
    pictures = prints([draw(1), draw(2), draw(1), draw(1)])
    assert [(pair.first, pair.second) for pair in copies(pictures)] == [(0, 2), (0, 3)]
