"""What ours and the authors' corruptions are compared on."""

from pathlib import Path

import numpy as np

GOLDENS = Path(__file__).parent / "goldens"
SEVERITIES = (1, 2, 3, 4, 5)
# Of each set: its program, the side of its images, and how far apart the pixels are that are kept.
PROGRAMS = {
    "imagenet_c": ("make_imagenet_c.py", 224, 12),
    "tiny_imagenet_c": ("make_tinyimagenet_c.py", 64, 5),
    "cifar10_c": ("make_cifar_c.py", 32, 3),
}


def picture(side: int) -> np.ndarray:
    """uint8 [side, side, 3]: patches of three sizes and some black, with colours, in integers."""
    rng = np.random.default_rng(0)
    total = np.zeros((side, side, 3), np.int64)
    for weight, patch in ((4, side // 4), (2, side // 16), (1, 1)):
        many = -(-side // patch)
        patches = rng.integers(256, size=(many, many, 3)).repeat(patch, 0).repeat(patch, 1)
        total += weight * patches[:side, :side]
    image = (total // 7).astype(np.uint8)
    image[: side // 8, : side // 8] = 0
    return image


def rng_for(severity: int) -> np.random.Generator:
    """The same numbers for both."""
    return np.random.default_rng([2019, severity])
