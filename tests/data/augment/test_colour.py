"""Operations against Pillow's own, transforms against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageEnhance, ImageOps

from jaxcnn.data.augment import colour
from jaxcnn.data.augment.colour import ColorJitter, GaussianBlur, Grayscale, Lighting
from jaxcnn.data.errors import DataError

IMAGES = st.tuples(st.integers(1, 12), st.integers(1, 12), st.sampled_from([1, 3])).flatmap(
    lambda shape: arrays(np.uint8, shape)
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return rng(seed).integers(256, size=(height, width, channels), dtype=np.uint8)


def noisy_photograph(channels: int = 3) -> np.ndarray:
    """Levels that are not equally frequent, and not all there."""
    ramp = np.linspace(40, 180, 50)[:, None, None] * np.linspace(0.3, 1.1, 60)[None, :, None]
    return (ramp + rng(1).normal(scale=9, size=(50, 60, channels))).clip(0, 255).astype(np.uint8)


def pillow(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).reshape(image.height, image.width, -1)


ENHANCERS = {
    colour.brightness: ImageEnhance.Brightness,
    colour.contrast: ImageEnhance.Contrast,
    colour.saturation: ImageEnhance.Color,
    colour.sharpness: ImageEnhance.Sharpness,
}


@pytest.mark.parametrize("operation", ENHANCERS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("factor", [0.0, 0.1, 0.55, 1.0, 1.37, 1.9, 4.0])
def test_enhancements_are_pillows_to_the_grey_level(operation, channels, factor):
    for image in (noisy_photograph(channels), picture(41, 37, channels)):
        expected = ENHANCERS[operation](pillow(image)).enhance(factor)
        np.testing.assert_array_equal(operation(image, factor), pixels(expected))


@settings(max_examples=60, deadline=None)
@given(image=IMAGES, factor=st.floats(0, 3, width=32))
def test_enhancements_are_pillows_for_any_image_and_factor(image, factor):
    for operation, enhancer in ENHANCERS.items():
        expected = pixels(enhancer(pillow(image)).enhance(factor))
        np.testing.assert_array_equal(operation(image, factor), expected)


@settings(max_examples=100, deadline=None)
@given(
    image=IMAGES.map(lambda image: image // 3 + 20) | IMAGES,
    repeats=st.integers(1, 40),
    bits=st.integers(1, 8),
    threshold=st.integers(0, 256) | st.floats(0, 255),
)
def test_operations_on_levels_are_pillows_for_any_image(image, repeats, bits, threshold):
    image = np.repeat(image, repeats, axis=0)  # So that equalize has something to spread.
    for ours, theirs in (
        (colour.posterize(image, bits), ImageOps.posterize(pillow(image), bits)),
        (colour.solarize(image, threshold), ImageOps.solarize(pillow(image), threshold)),
        (colour.autocontrast(image), ImageOps.autocontrast(pillow(image))),
        (colour.equalize(image), ImageOps.equalize(pillow(image))),
        (colour.invert(image), ImageOps.invert(pillow(image))),
    ):
        np.testing.assert_array_equal(ours, pixels(theirs))


@pytest.mark.parametrize("channels", [1, 3])
def test_histogram_operations_are_pillows_for_a_photograph(channels):
    image = noisy_photograph(channels)
    for ours, theirs in ((colour.autocontrast, ImageOps.autocontrast), (colour.equalize,) * 2):
        if theirs is colour.equalize:
            theirs = ImageOps.equalize
        changed = ours(image)
        np.testing.assert_array_equal(changed, pixels(theirs(pillow(image))))
        assert not np.array_equal(changed, image)


def test_no_bits_are_black():
    assert not colour.posterize(picture(5, 4), 0).any()


@pytest.mark.parametrize("turn", [-0.5, -0.13, 0.0, 0.2, 0.5])
def test_hue_turns_pillows_bytes_of_hue(turn):
    image = picture(20, 30)
    hsv = np.array(Image.fromarray(image).convert("HSV")).astype(int)
    hsv[..., 0] = (hsv[..., 0] + int(turn * 255)) % 256
    expected = Image.fromarray(hsv.astype(np.uint8), "HSV").convert("RGB")
    np.testing.assert_array_equal(colour.hue(image, turn), np.asarray(expected))
    grey = picture(3, 3, 1)
    np.testing.assert_array_equal(colour.hue(grey, turn), grey)


def test_greyscale_is_pillows_luma_in_every_channel():
    image = picture(20, 30)
    luma = np.asarray(Image.fromarray(image).convert("L"))
    np.testing.assert_array_equal(colour.greyscale(image), np.stack([luma] * 3, axis=2))


def factors_of(image: np.ndarray, outs: list[np.ndarray]) -> np.ndarray:
    return np.array([out.mean() / image.mean() for out in outs])


def test_jitter_draws_brightness_evenly_around_one():
    image = np.full((2, 2, 3), 100, np.uint8)
    stream = rng()
    factors = factors_of(image, [ColorJitter(brightness=0.4)(image, stream) for _ in range(800)])
    assert 0.59 <= factors.min() < 0.63
    assert 1.37 < factors.max() <= 1.4
    assert abs(factors.mean() - 1) < 0.03
    dark = [ColorJitter(brightness=3.0)(image, stream) for _ in range(200)]
    assert min(out.mean() for out in dark) < 10  # The least factor is 0, not -2.
    assert sum(not out.any() for out in dark) < 20


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "hue"])
def test_each_jitter_is_its_operation_with_a_factor_of_its_range(name):
    image = noisy_photograph()
    out = ColorJitter(**{name: 0.3})(image, rng(5))
    operation, centre = getattr(colour, name), 0 if name == "hue" else 1
    factor = rng(5).uniform(centre - 0.3, centre + 0.3)
    np.testing.assert_array_equal(out, operation(image, factor))


def test_jitters_come_in_every_order():
    """From black, brightness and contrast give the same in either order; from this they do not."""
    image = np.array([[[200], [10]]], np.uint8)
    seen = {ColorJitter(0.9, 0.9)(image, rng(seed)).tobytes() for seed in range(30)}
    by_order = {False: 0, True: 0}
    for seed in range(30):
        stream = rng(seed)
        light, stark = stream.uniform(0.1, 1.9), stream.uniform(0.1, 1.9)
        out = ColorJitter(0.9, 0.9)(image, rng(seed))
        one = colour.contrast(colour.brightness(image, light), stark)
        two = colour.brightness(colour.contrast(image, stark), light)
        assert np.array_equal(out, one) or np.array_equal(out, two)
        if not np.array_equal(one, two):
            by_order[np.array_equal(out, one)] += 1
    assert len(seen) > 20
    assert min(by_order.values()) >= 3


def test_eigenvectors_are_a_rotation_of_colour_space():
    vectors = np.array(colour.IMAGENET_EIGENVECTORS)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=2e-4)


def test_lighting_adds_one_colour_to_all_pixels_with_the_papers_covariance():
    image = np.full((3, 2, 3), 128, np.uint8)
    stream = rng()
    added = []
    for _ in range(3000):
        out = Lighting(0.1)(image, stream)
        assert (out == out[0, 0]).all()
        added.append(out[0, 0].astype(float) - 128)
    vectors = np.array(colour.IMAGENET_EIGENVECTORS)
    deviations = 255 * 0.1 * np.array(colour.IMAGENET_EIGENVALUES)
    expected = vectors @ np.diag(deviations**2) @ vectors.T
    # Rounding to levels adds a variance of 1/12.
    covariance = np.cov(np.array(added).T) - np.eye(3) / 12
    np.testing.assert_allclose(covariance, expected, rtol=0.1, atol=0.05)
    np.testing.assert_allclose(np.mean(added, axis=0), 0, atol=0.3)


def test_lighting_is_cut_off_at_black_and_white():
    image = picture(40, 40)
    out = Lighting(3.0)(image, rng(2))
    added = out[(image > 60) & (image < 190)].astype(int) - image[(image > 60) & (image < 190)]
    assert len(np.unique(added)) <= 3
    assert (out >= image).all(axis=(0, 1)).sum() + (out <= image).all(axis=(0, 1)).sum() >= 3


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_grayscale_takes_out_colour_with_its_probability(probability):
    image, stream = picture(4, 5), rng()
    grey = [not np.ptp(Grayscale(probability)(image, stream), axis=2).any() for _ in range(500)]
    assert abs(np.mean(grey) - probability) < 0.07 * (0 < probability < 1) + 1e-9


@pytest.mark.parametrize(("side", "kernel"), [(224, 23), (32, 3), (8, 3)])
@pytest.mark.parametrize("channels", [1, 3])
def test_blur_is_a_gaussian_of_a_tenth_of_the_side_mirrored_at_the_border(side, kernel, channels):
    image = picture(side, side + 3, channels)
    out = GaussianBlur(1.0, sigma=(1.7, 1.7))(image, rng())
    offsets = np.arange(kernel) - kernel // 2
    weights = np.exp(-0.5 * (offsets / 1.7) ** 2)
    weights /= weights.sum()
    half = kernel // 2
    padded = np.pad(image.astype(float), ((half, half), (half, half), (0, 0)), "reflect")
    rows = sum(w * padded[i : i + side] for i, w in enumerate(weights))
    expected = sum(w * rows[:, i : i + side + 3] for i, w in enumerate(weights))
    assert np.abs(out - expected).max() <= 0.5001  # Rounded to the nearest level.


def test_blur_draws_its_width_and_its_images():
    image, stream = picture(40, 40), rng()
    blurred = [GaussianBlur(0.4)(image, stream) for _ in range(300)]
    changed = [out for out in blurred if not np.array_equal(out, image)]
    # The least widths of all leave whole levels as they are.
    assert abs(len(changed) / 300 - 0.4) < 0.12
    contrasts = [out.std() for out in changed]
    assert max(contrasts) > 1.5 * min(contrasts)


TRANSFORMS = (
    ColorJitter(0.4, 0.4, 0.4, 0.1),
    Lighting(0.5),
    Grayscale(0.5),
    GaussianBlur(0.5),
)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
def test_images_stay_hwc_bytes_and_the_original_is_untouched(transform, channels):
    image = picture(12, 9, channels)[:, ::-1][2:, 1:]  # A view, as a crop is.
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


def test_colours_of_other_images_are_refused_by_their_channels():
    with pytest.raises(DataError, match="cannot make 4 channels grey; give an image of 1 or 3"):
        ColorJitter(saturation=0.5)(picture(3, 3, 4), rng())
