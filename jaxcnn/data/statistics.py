"""Mean and standard deviation of each channel, an image at a time."""

import numpy as np


class ChannelMoments:
    """Sums in float64 over images uint8 [H, W, C]; every image counts the same, whatever its size.

    Add the training split's images only: what is known of others must not reach the model.
    """

    def __init__(self) -> None:
        self.count = 0
        self._sums: np.ndarray | float = 0.0  # [2, C]: of the means, of the means of squares.

    def add(self, moments: np.ndarray) -> None:
        """Takes in `image_moments` of one image."""
        self.count += 1
        self._sums = self._sums + moments

    @property
    def mean(self) -> np.ndarray:
        """float64 [C], of uint8 / 255."""
        return np.asarray(self._sums)[0] / self.count

    @property
    def std(self) -> np.ndarray:
        """float64 [C], of uint8 / 255."""
        square = np.asarray(self._sums)[1] / self.count
        return np.sqrt(np.maximum(square - self.mean**2, 0.0))


def image_moments(image: np.ndarray) -> np.ndarray:
    """float64 [2, C]: mean and mean square of the pixels / 255 of one image uint8 [H, W, C]."""
    channels = image.shape[2]
    counts = [_histogram(image[..., channel]) for channel in range(channels)]
    levels = np.arange(256) / 255
    return np.stack([levels, levels**2]) @ np.stack(counts, axis=1) / (image[..., 0].size)


def _histogram(channel: np.ndarray) -> np.ndarray:
    """int64 [256] of uint8 [H, W]; by rows, for NumPy counts in a copy of eight bytes a pixel."""
    parts = np.array_split(channel, 1 + channel.size // 2**22)
    return sum(
        (np.bincount(part.ravel(), minlength=256) for part in parts), np.zeros(256, np.int64)
    )
