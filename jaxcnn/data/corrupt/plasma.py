"""Clouds: fractals by the diamond-square algorithm.

Fournier, Fussell and Carpenter, 1982, https://doi.org/10.1145/358523.358553.
"""

from functools import partial

import numpy as np


def plasma(height: int, width: int, decay: float, rng: np.random.Generator) -> np.ndarray:
    """Float [height, width]: the corner of a square of 2^n pixels, whose values reach from 0 to 1.

    The square's sides meet: what is to the right of its last column is its first. Noise begins at
    100^2 times a number from -1 to 1, as ImageNet-C has it; from each scale to the next, half as
    large, it falls by decay^2.
    """
    side = 2
    while side < max(height, width):
        side *= 2
    cloud = np.zeros((side, side))
    step, spread = side, 100.0
    while step > 1:
        half = step // 2
        noise = partial(_noise, spread, side // step, rng)
        corners = cloud[::step, ::step]
        to_right, below = np.roll(corners, -1, axis=1), np.roll(corners, -1, axis=0)
        centres = (corners + to_right + below + np.roll(below, -1, axis=1)) / 4 + noise()
        cloud[half::step, half::step] = centres
        above, to_left = np.roll(centres, 1, axis=0), np.roll(centres, 1, axis=1)
        cloud[::step, half::step] = (centres + above + corners + to_right) / 4 + noise()
        cloud[half::step, ::step] = (centres + to_left + corners + below) / 4 + noise()
        step, spread = half, spread / decay
    cloud -= cloud.min()
    return (cloud / cloud.max())[:height, :width]


def _noise(spread: float, side: int, rng: np.random.Generator) -> np.ndarray:
    return spread * rng.uniform(-spread, spread, (side, side))
