"""What changes colours and leaves pixels in place: operations on images, and random transforms.

The operations are Pillow's ImageEnhance and ImageOps to the grey level, since that is what policies
and published recipes were tuned with. Images are uint8 [H, W, C] with 1 (grey) or 3 channels (red,
green, blue); none is changed in place.
"""

from dataclasses import dataclass
from functools import partial

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


@dataclass(frozen=True)
class ColorJitter:
    """Random brightness, contrast, saturation and hue, in random order. torchvision's definition.

    Args:
        brightness, contrast, saturation: the factor is uniform in 1 ± this, and at least 0.
        hue: the turn is uniform in ± this, at most 0.5 of the circle.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        factors = (
            (brightness, self.brightness),
            (contrast, self.contrast),
            (saturation, self.saturation),
        )
        changes = [
            partial(change, factor=rng.uniform(max(0.0, 1 - reach), 1 + reach))
            for change, reach in factors
            if reach
        ]
        if self.hue:
            changes.append(partial(hue, turn=rng.uniform(-self.hue, self.hue)))
        for index in rng.permutation(len(changes)):
            image = changes[index](image)
        return image


# Principal components of ImageNet's pixels in units of 1 (white), the vectors as columns; computed
# for fb.resnet.torch, https://github.com/facebookarchive/fb.resnet.torch (datasets/imagenet.lua).
IMAGENET_EIGENVALUES = (0.2175, 0.0188, 0.0045)
IMAGENET_EIGENVECTORS = (
    (-0.5675, 0.7192, 0.4009),
    (-0.5808, -0.0045, -0.8140),
    (-0.5836, -0.6948, 0.4203),
)


@dataclass(frozen=True)
class Lighting:
    """Adds one random colour, distributed as ImageNet's, to all pixels of an image.

    Krizhevsky et al., 2012, section 4.1,
    https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks

    Args:
        std: of the share of each principal component; the paper's is 0.1.
    """

    std: float = 0.1

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        if image.shape[2] != 3:
            raise DataError(f"lighting needs 3 channels, the image has {image.shape[2]}")
        shares = rng.normal(scale=self.std, size=3) * IMAGENET_EIGENVALUES
        added = 255 * (np.array(IMAGENET_EIGENVECTORS) @ shares)
        return _look_up(image, _to_bytes(np.rint(_LEVELS[:, None] + added)))


@dataclass(frozen=True)
class Grayscale:
    """Takes the colour out of an image, which keeps its channels."""

    probability: float = 0.1

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        return greyscale(image) if rng.random() < self.probability else image


@dataclass(frozen=True)
class GaussianBlur:
    """Blurs by a Gaussian of random width, the image mirrored at its border.

    Chen et al., 2020, appendix A, https://arxiv.org/abs/2002.05709: half of the images, by a kernel
    of a tenth of the image's shorter side (here at least 3 pixels).

    Args:
        probability: of blurring at all.
        sigma: least and greatest standard deviation, in pixels.
    """

    probability: float = 0.5
    sigma: tuple[float, float] = (0.1, 2.0)

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        if rng.random() >= self.probability:
            return image
        side = 2 * max(1, min(image.shape[:2]) // 20) + 1
        weights = cv2.getGaussianKernel(side, rng.uniform(*self.sigma))
        # Nearer than cv2.GaussianBlur, which rounds the weights, and faster.
        blurred = cv2.sepFilter2D(image, -1, weights, weights, borderType=cv2.BORDER_REFLECT_101)
        return blurred.reshape(image.shape)


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
