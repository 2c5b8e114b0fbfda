"""Images that transforms are tried on."""

import cv2
import numpy as np


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """All levels, equally often."""
    return rng(seed).integers(256, size=(height, width, channels), dtype=np.uint8)


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Noise in which no pixel is 0, so that black is always something that was added."""
    return rng(seed).integers(1, 256, size=(height, width, channels), dtype=np.uint8)


def photograph(height: int, width: int) -> np.ndarray:
    """About as fine as photographs are."""
    fine = rng().integers(256, size=(height, width, 3), dtype=np.uint8)
    return cv2.GaussianBlur(fine, (0, 0), 1.5)


def noisy_photograph(channels: int = 3) -> np.ndarray:
    """Levels that are not equally frequent, and not all there."""
    ramp = np.linspace(40, 180, 50)[:, None, None] * np.linspace(0.3, 1.1, 60)[None, :, None]
    return (ramp + rng(1).normal(scale=9, size=(50, 60, channels))).clip(0, 255).astype(np.uint8)


def draws(transform, image: np.ndarray, count: int) -> list[np.ndarray]:
    """What one stream of random numbers makes of the image, one after the other."""
    stream = rng(1)
    return [transform(image, stream) for _ in range(count)]
