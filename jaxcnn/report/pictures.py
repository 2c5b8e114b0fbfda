"""Pictures that lie in the page itself."""

import base64

import cv2
import matplotlib
import numpy as np

# Sides of what is shown, in pixels: photographs are made smaller; a digit is enlarged by the page.
LARGEST_SIDE = 224
JPEG_QUALITY = 85
# Of pictures with so many pixels a side PNG is large and JPEG's traces are not seen.
PHOTOGRAPH_SIDE = 96
# Of a heat map's values; what is above has the colour of the scale's end.
SHOWN_PERCENT = 99


def data_uri(image: np.ndarray, *, drawn: bool = False) -> str:
    """uint8 [H, W, C], of one channel or three, as the source of an <img>.

    What was `drawn` has edges, which are kept.
    """
    kind, options = ".png", []
    if not drawn:
        image = _at_most(image, LARGEST_SIDE)
        if is_smooth(image):
            kind, options = ".jpg", [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _, encoded = cv2.imencode(kind, _for_opencv(image), options)
    mime = "image/png" if kind == ".png" else "image/jpeg"
    return _uri(mime, encoded.tobytes())


def png_uri(png: bytes) -> str:
    """A PNG file's content, likewise."""
    return _uri("image/png", png)


def _uri(mime: str, content: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def is_smooth(image: np.ndarray) -> bool:
    """Whether its pixels are too many to be told apart."""
    return min(image.shape[:2]) >= PHOTOGRAPH_SIDE


def under_heat(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3]: the picture in grey, under a map [H', W'] of 0 and above."""
    image = _at_most(image, LARGEST_SIDE)
    height, width = image.shape[:2]
    scale = max(1, PHOTOGRAPH_SIDE // min(height, width))  # Else a digit's map would be blocks.
    size = (width * scale, height * scale)
    grey = cv2.resize(image.mean(-1).astype(np.float32), size, interpolation=cv2.INTER_NEAREST)
    most = float(np.percentile(heat, SHOWN_PERCENT) or heat.max() or 1.0)
    strength = cv2.resize(np.clip(heat / most, 0, 1).astype(np.float32), size)
    colours = matplotlib.colormaps["inferno"](strength)[..., :3] * 255
    return (0.45 * grey[..., None] + 0.55 * colours).round().astype(np.uint8)


def shares_picture(shares: np.ndarray) -> np.ndarray:
    """A matrix of shares [K, K] as a picture, white for 0 and dark for 1."""
    side = max(1, LARGEST_SIDE * 2 // len(shares))
    dark = matplotlib.colormaps["Blues"](np.nan_to_num(shares) ** 0.5)[..., :3] * 255
    return np.kron(dark.round().astype(np.uint8), np.ones((side, side, 1), np.uint8))


def enlarged(sheet: np.ndarray) -> np.ndarray:
    """A small picture, uint8 [H, W, C], its pixels as squares that are seen."""
    side = max(1, LARGEST_SIDE // max(sheet.shape[:2]))
    return np.kron(sheet, np.ones((side, side, 1), np.uint8))


def _at_most(image: np.ndarray, side: int) -> np.ndarray:
    largest = max(image.shape[:2])
    if largest <= side:
        return image
    scale = side / largest
    height, width = (max(1, round(each * scale)) for each in image.shape[:2])
    smaller = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return smaller.reshape(height, width, -1)  # OpenCV drops a single channel.


def _for_opencv(image: np.ndarray) -> np.ndarray:
    return image if image.shape[-1] == 1 else np.ascontiguousarray(image[..., ::-1])
