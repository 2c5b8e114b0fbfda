"""Grey levels as fractions, and back as the authors of ImageNet-C have them."""

import numpy as np

# Of red, green and blue in brightness: ITU-R BT.601, as OpenCV and Pillow have it.
LUMA = np.array([0.299, 0.587, 0.114])


def fractions_of(image: np.ndarray) -> np.ndarray:
    """uint8 -> float64 in [0, 1]."""
    return image / 255.0


def image_of(fractions: np.ndarray) -> np.ndarray:
    """Floats -> uint8, what is outside of [0, 1] brought to its border.

    Fractions of a level are cut off, not rounded: so the published sets were stored.
    """
    return (np.clip(fractions, 0, 1) * 255).astype(np.uint8)


def grey_of(fractions: np.ndarray) -> np.ndarray:
    """[H, W, C] -> [H, W, 1]: brightness of a colour image, a grey image itself."""
    return (fractions @ LUMA)[..., None] if fractions.shape[-1] == 3 else fractions
