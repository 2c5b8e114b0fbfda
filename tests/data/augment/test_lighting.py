import numpy as np

from jaxcnn.data.augment.lighting import IMAGENET_EIGENVALUES, IMAGENET_EIGENVECTORS, Lighting
from tests.data.augment.pictures import noise, rng


def test_eigenvectors_are_a_rotation_of_colour_space():
    vectors = np.array(IMAGENET_EIGENVECTORS)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=2e-4)


def test_lighting_adds_one_colour_to_all_pixels_with_the_papers_covariance():
    image = np.full((3, 2, 3), 128, np.uint8)
    stream = rng()
    added = []
    for _ in range(3000):
        out = Lighting(0.1)(image, stream)
        assert (out == out[0, 0]).all()
        added.append(out[0, 0].astype(float) - 128)
    vectors = np.array(IMAGENET_EIGENVECTORS)
    deviations = 255 * 0.1 * np.array(IMAGENET_EIGENVALUES)
    expected = vectors @ np.diag(deviations**2) @ vectors.T
    # Rounding to levels adds a variance of 1/12.
    covariance = np.cov(np.array(added).T) - np.eye(3) / 12
    np.testing.assert_allclose(covariance, expected, rtol=0.1, atol=0.05)
    np.testing.assert_allclose(np.mean(added, axis=0), 0, atol=0.3)


def test_lighting_is_cut_off_at_black_and_white():
    image = noise(40, 40)
    out = Lighting(3.0)(image, rng(2))
    added = out[(image > 60) & (image < 190)].astype(int) - image[(image > 60) & (image < 190)]
    assert len(np.unique(added)) <= 3
    assert (out >= image).all(axis=(0, 1)).sum() + (out <= image).all(axis=(0, 1)).sum() >= 3
