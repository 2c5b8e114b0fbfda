"""The corruptions by name, with the strengths of the published sets.

Numbers are those of the authors' programs, https://github.com/hendrycks/robustness (Apache 2.0),
ImageNet-C/create_c: make_imagenet_c.py, make_tinyimagenet_c.py and make_cifar_c.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from jaxcnn.data.augment.transform import Transform
from jaxcnn.data.corrupt import blur, digital, noise, weather
from jaxcnn.data.errors import DataError
from jaxcnn.discovery import look_up

PublishedSet = Literal["imagenet_c", "tiny_imagenet_c", "cifar10_c"]
SEVERITIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Published:
    """A kind of corruption, and the arguments that it has at severities 1 to 5 of each set."""

    kind: type
    strengths: Mapping[PublishedSet, tuple[Any, ...]]

    def at(self, of_set: PublishedSet, severity: int) -> Transform:
        arguments = self.strengths[of_set][severity - 1]
        return self.kind(*(arguments if isinstance(arguments, tuple) else (arguments,)))


def published_set(side: int) -> PublishedSet:
    """The set whose images, of 224, 64 or 32 pixels, are nearest in size to those of `side`."""
    if side * side >= 224 * 64:
        return "imagenet_c"
    return "tiny_imagenet_c" if side * side >= 64 * 32 else "cifar10_c"


def corruption(name: str, severity: int, side: int) -> Transform:
    """One of CORRUPTIONS, as strong as the published set of such images has it.

    Args:
        name: of the corruption.
        severity: 1 to 5.
        side: the shorter one of the images as the model gets them, in pixels.

    Raises:
        DataError: there is no such severity. UserError: there is no such corruption.
    """
    row = look_up(CORRUPTIONS, name, "corruption")
    if severity not in SEVERITIES:
        raise DataError(f"severity {severity} of {name} is not one of 1 to 5")
    return row.at(published_set(side), severity)


def _row(kind: type, imagenet: tuple, tiny: tuple, cifar: tuple) -> Published:
    return Published(kind, {"imagenet_c": imagenet, "tiny_imagenet_c": tiny, "cifar10_c": cifar})


CORRUPTIONS: Mapping[str, Published] = {
    "gaussian_noise": _row(
        noise.GaussianNoise,
        (0.08, 0.12, 0.18, 0.26, 0.38),
        (0.04, 0.08, 0.12, 0.15, 0.18),
        (0.04, 0.06, 0.08, 0.09, 0.1),
    ),
    "shot_noise": _row(
        noise.ShotNoise,
        (60, 25, 12, 5, 3),
        (250, 100, 50, 30, 15),
        (500, 250, 100, 75, 50),
    ),
    "impulse_noise": _row(
        noise.ImpulseNoise,
        (0.03, 0.06, 0.09, 0.17, 0.27),
        (0.01, 0.02, 0.05, 0.08, 0.14),
        (0.01, 0.02, 0.03, 0.05, 0.07),
    ),
    "defocus_blur": _row(
        blur.DefocusBlur,
        ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
        ((0.5, 0.6), (1, 0.1), (1.5, 0.1), (2.5, 0.01), (3, 0.1)),
        ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
    ),
    "glass_blur": _row(
        blur.GlassBlur,
        ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
        ((0.1, 1, 1), (0.5, 1, 1), (0.6, 1, 2), (0.7, 2, 1), (0.9, 2, 2)),
        ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
    ),
    "motion_blur": _row(
        blur.MotionBlur,
        ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
        ((10, 1), (10, 1.5), (10, 2), (10, 2.5), (12, 3)),
        ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
    ),
    "zoom_blur": _row(
        blur.ZoomBlur,
        ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
        ((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)),
        ((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)),
    ),
    "snow": _row(
        weather.Snow,
        (
            (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
            (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
            (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ),
        (
            (0.1, 0.2, 1, 0.6, 8, 3, 0.8),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.8),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.7),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.65),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.6),
        ),
        (
            (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ),
    ),
    "frost": _row(
        weather.Frost,
        ((1, 0.4, 1), (0.8, 0.6, 1), (0.7, 0.7, 1), (0.65, 0.7, 1), (0.6, 0.75, 1)),
        ((1, 0.3, 0.3), (0.9, 0.4, 0.3), (0.8, 0.45, 0.3), (0.75, 0.5, 0.3), (0.7, 0.55, 0.3)),
        ((1, 0.2, 0.2), (1, 0.3, 0.2), (0.9, 0.4, 0.2), (0.85, 0.4, 0.2), (0.75, 0.45, 0.2)),
    ),
    "fog": _row(
        weather.Fog,
        ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
        ((0.4, 3), (0.7, 3), (1, 2.5), (1.5, 2), (2, 1.75)),
        ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
    ),
    "brightness": _row(
        weather.Brightness,
        (0.1, 0.2, 0.3, 0.4, 0.5),
        (0.1, 0.2, 0.3, 0.4, 0.5),
        (0.05, 0.1, 0.15, 0.2, 0.3),
    ),
    "contrast": _row(
        digital.Contrast,
        (0.4, 0.3, 0.2, 0.1, 0.05),
        (0.4, 0.3, 0.2, 0.1, 0.05),
        (0.75, 0.5, 0.4, 0.3, 0.15),
    ),
    "elastic_transform": _row(
        digital.ElasticTransform,
        (
            (488, 170.8, 24.4),
            (488, 19.52, 48.8),
            (12.2, 2.44, 4.88),
            (17.08, 2.44, 4.88),
            (29.28, 2.44, 4.88),
        ),
        (
            (0, 0, 5.12),
            (3.2, 19.2, 3.84),
            (6.4, 5.12, 3.84),
            (6.4, 1.92, 1.92),
            (10.24, 1.92, 1.28),
        ),
        ((0, 0, 2.56), (1.6, 6.4, 2.24), (2.56, 1.92, 1.92), (3.2, 1.28, 1.6), (3.2, 0.96, 0.96)),
    ),
    "pixelate": _row(
        digital.Pixelate,
        (0.6, 0.5, 0.4, 0.3, 0.25),
        (0.9, 0.8, 0.7, 0.6, 0.5),
        (0.95, 0.9, 0.85, 0.75, 0.65),
    ),
    "jpeg_compression": _row(
        digital.JpegCompression,
        (25, 18, 15, 10, 7),
        (65, 58, 50, 40, 25),
        (80, 65, 58, 50, 40),
    ),
    "speckle_noise": _row(
        noise.SpeckleNoise,
        (0.15, 0.2, 0.35, 0.45, 0.6),
        (0.15, 0.2, 0.25, 0.3, 0.35),
        (0.06, 0.1, 0.12, 0.16, 0.2),
    ),
    "gaussian_blur": _row(
        blur.GaussianBlur,
        (1, 2, 3, 4, 6),
        (0.5, 0.75, 1, 1.25, 1.5),
        (0.4, 0.6, 0.7, 0.8, 1),
    ),
    "spatter": _row(
        weather.Spatter,
        (
            (0.65, 0.3, 4, 0.69, 0.6, False),
            (0.65, 0.3, 3, 0.68, 0.6, False),
            (0.65, 0.3, 2, 0.68, 0.5, False),
            (0.65, 0.3, 1, 0.65, 1.5, True),
            (0.67, 0.4, 1, 0.65, 1.5, True),
        ),
        (
            (0.62, 0.1, 0.7, 0.7, 0.6, False),
            (0.65, 0.1, 0.8, 0.7, 0.6, False),
            (0.65, 0.3, 1, 0.69, 0.6, False),
            (0.65, 0.1, 0.7, 0.68, 0.6, True),
            (0.65, 0.1, 0.5, 0.67, 0.6, True),
        ),
        (
            (0.62, 0.1, 0.7, 0.7, 0.5, False),
            (0.65, 0.1, 0.8, 0.7, 0.5, False),
            (0.65, 0.3, 1, 0.69, 0.5, False),
            (0.65, 0.1, 0.7, 0.69, 0.6, True),
            (0.65, 0.1, 0.5, 0.68, 0.6, True),
        ),
    ),
    "saturate": _row(
        digital.Saturate,
        ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)),
        ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (30, 0.2)),
        ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)),
    ),
}
EXTRA = ("speckle_noise", "gaussian_blur", "spatter", "saturate")
"""Those that the paper keeps for trying things out: its mean has the other 15."""
COMMON = tuple(name for name in CORRUPTIONS if name not in EXTRA)
