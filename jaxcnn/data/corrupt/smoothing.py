"""Gaussian filters as scikit-image and SciPy have them, with which the published sets were made."""

from functools import lru_cache

import cv2
import numpy as np
from scipy.fft import dctn, idctn


def smoothed(fractions: np.ndarray, sigma: float) -> np.ndarray:
    """Float [H, W] or [H, W, C] by a Gaussian cut off at 4 sigma; the border's pixels go on."""
    radius = int(4 * sigma + 0.5)
    if radius == 0:
        return fractions
    weights = cv2.getGaussianKernel(2 * radius + 1, sigma, cv2.CV_64F)
    out = cv2.sepFilter2D(fractions, -1, weights, weights, borderType=cv2.BORDER_REPLICATE)
    return out.reshape(fractions.shape)  # OpenCV drops a single channel.


def smoothed_mirrored(field: np.ndarray, sigma: float) -> np.ndarray:
    """Float [H, W] by a Gaussian cut off at 3 sigma; the field is mirrored beyond its border.

    A filter of a mirrored field is a factor for each of its cosines, so that the time does not
    depend on sigma: elastic transforms have up to 171 pixels.
    """
    if sigma == 0:
        return field
    rows, columns = (_response(side, sigma) for side in field.shape)
    return np.asarray(idctn(np.asarray(dctn(field)) * rows[:, None] * columns))


@lru_cache(maxsize=8)
def _response(side: int, sigma: float) -> np.ndarray:
    """What the filter leaves of each cosine of an axis."""
    offsets = np.arange(int(3 * sigma + 0.5) + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    weights[1:] *= 2  # Each of them on both sides.
    response = np.cos(np.pi / side * np.outer(np.arange(side), offsets)) @ (weights / weights.sum())
    response.flags.writeable = False
    return response
