"""Operations that change colours and leave pixels in place.

They are Pillow's ImageEnhance and ImageOps to the grey level, since that is what policies
and published recipes were tuned with. Images are uint8 [H, W, C] with 1 (grey) or 3 channels (red,
green, blue); none is changed in place.
"""

import cv2
import numpy as np
from PIL import Image

from jaxcnn.data.errors import DataError


def brightness(image: np.ndarray, factor: float) -> np.ndarray:
    """`factor` 0 gives black, 1 the image, more a lighter one."""
    return _look_up(image, blend(np.zeros_like(_LEVELS), _LEVELS, factor))


def contrast(image: np.ndarray, factor: float) -> np.ndarray:
    """`factor` 0 gives the image's mean grey, 1 the image, more a starker one."""
    mean = int(cv2.mean(_grey(image))[0] + 0.5)
    return _look_up(image, blend(np.full_like(_LEVELS, mean), _LEVELS, factor))


def saturation(image: np.ndarray, factor: float) -> np.ndarray:
    """`factor` 0 gives a grey image, 1 the image, more a gaudier one. ImageEnhance.Color."""
    return image if image.shape[2] == 1 else blend(greyscale(image), image, factor)


def sharpness(image: np.ndarray, factor: float) -> np.ndarray:
    """`factor` 0 gives a smoothed image, 1 the image, 2 a sharpened one. The border stays."""
    smooth = cv2.filter2D(image, -1, _SMOOTH).reshape(image.shape)
    smooth[[0, -1]] = image[[0, -1]]
    smooth[:, [0, -1]] = image[:, [0, -1]]
    return blend(smooth, image, factor)


def hue(image: np.ndarray, turn: float) -> np.ndarray:
    """Colours moved round the circle by `turn`, -0.5 to 0.5 of it, in steps of 1/255.

    By Pillow's 8-bit conversions, as torchvision has it: OpenCV's have other steps.
    """
    if image.shape[2] == 1:
        return image
    hsv = np.array(Image.fromarray(image).convert("HSV"))
    hsv[..., 0] += np.int32(turn * 255).astype(np.uint8)  # Bytes wrap around, as hues do.
    return np.asarray(Image.fromarray(hsv, "HSV").convert("RGB"))


def greyscale(image: np.ndarray) -> np.ndarray:
    """Luma by ITU-R 601, in as many channels as the image has."""
    # Three times faster than np.repeat.
    return image if image.shape[2] == 1 else cv2.cvtColor(_grey(image), cv2.COLOR_GRAY2RGB)


def posterize(image: np.ndarray, bits: int) -> np.ndarray:
    """Keeps the `bits` (0 to 8) most significant bits."""
    return image & np.uint8(256 - 2 ** (8 - bits) & 255)


def solarize(image: np.ndarray, threshold: float) -> np.ndarray:
    """Inverts what is at or above `threshold`, in grey levels."""
    return _look_up(image, np.where(threshold > _LEVELS, _LEVELS, 255 - _LEVELS))


def invert(image: np.ndarray) -> np.ndarray:
    return 255 - image


def tint(image: np.ndarray, added: np.ndarray) -> np.ndarray:
    """The same colour, [C] in grey levels, added to all pixels; cut off at black and white."""
    return _look_up(image, _to_bytes(np.rint(_LEVELS[:, None] + added)))


def autocontrast(image: np.ndarray) -> np.ndarray:
    """Stretches each channel so that its darkest level becomes 0, its lightest 255."""
    low, high = np.array([cv2.minMaxLoc(channel)[:2] for channel in cv2.split(image)]).T
    scale = 255 / np.maximum(high - low, 1)
    stretched = _LEVELS[:, None] * scale - low * scale
    return _look_up(image, np.where(low < high, _to_bytes(stretched), _LEVELS[:, None]))


def equalize(image: np.ndarray) -> np.ndarray:
    """Spreads each channel's levels so that all become about equally frequent."""
    histograms = _histograms(image)
    last = 255 - (histograms[::-1] > 0).argmax(axis=0)
    step = (histograms.sum(axis=0) - histograms[last, np.arange(image.shape[2])]) // 255
    below = histograms.cumsum(axis=0) - histograms
    spread = (step // 2 + below) // np.maximum(step, 1)
    return _look_up(image, np.where(step > 0, _to_bytes(spread), _LEVELS[:, None]))


_LEVELS = np.arange(256, dtype=np.uint8)
# ITU-R 601 as Pillow counts it, in 1/65536; with a half, so that cutting off rounds.
_LUMA = np.array([[19595, 38470, 7471, 32768]], np.float32) / 65536
# ImageFilter.SMOOTH. Thirteenths are never halves, so both libraries round them alike.
_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13


def blend(base: np.ndarray, image: np.ndarray, factor: float) -> np.ndarray:
    """base + factor * (image - base), cut off to whole levels as Image.blend does in float32."""
    # In one array: with more, time goes into getting large memory from the system.
    blended = image.astype(np.float32)
    blended -= base
    blended *= np.float32(factor)
    blended += base
    return blended.astype(np.uint8) if 0 <= factor <= 1 else _to_bytes(blended)


def _to_bytes(values: np.ndarray) -> np.ndarray:
    """Cut off to whole levels; `values` is overwritten, which spares the system a large array."""
    return np.clip(values, 0, 255, out=values).astype(np.uint8)


def _look_up(image: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Each level replaced by the table's: uint8 [256], or [256, C] for a table a channel."""
    return cv2.LUT(image, table.reshape(1, 256, -1)).reshape(image.shape)


def _grey(image: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 1], Pillow's: cvtColor's is off by one in a thousandth of the pixels."""
    if image.shape[2] == 1:
        return image
    if image.shape[2] != 3:
        raise DataError(f"cannot make {image.shape[2]} channels grey; give an image of 1 or 3")
    # All these numbers have at most 24 bits: float32 has them, and their sums, exactly.
    return cv2.transform(image.astype(np.float32), _LUMA).astype(np.uint8)[..., None]


def _histograms(image: np.ndarray) -> np.ndarray:
    """How many pixels of each channel have each level, int [256, C]."""
    counts = (
        cv2.calcHist([image], [channel], None, [256], [0, 256]) for channel in range(image.shape[2])
    )
    return np.stack([count.ravel() for count in counts], axis=1).astype(np.int64)
