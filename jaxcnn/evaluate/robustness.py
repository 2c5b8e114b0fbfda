"""How a model does on corrupted, moved, turned and enlarged images.

Hendrycks and Dietterich, 2019, section 3, https://arxiv.org/abs/1903.12261, whose figures these
are. The corruptions are made here (`jaxcnn.data.corrupt`), not read from the published sets.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from jaxcnn.data.augment.transform import Transform
from jaxcnn.data.corrupt.geometry import Rotation, Scale, Shift
from jaxcnn.data.corrupt.published import (
    COMMON,
    CORRUPTIONS,
    SEVERITIES,
    PublishedSet,
    corruption,
    published_set,
)
from jaxcnn.discovery import look_up
from jaxcnn.errors import UserError

Figures = Mapping[str, float]
"""`{"top1", "loss", "n"}` and more."""
Measure = Callable[[Sequence[Transform]], Figures]
"""The figures of a split whose images, as the model would get them, go through transforms first."""

# AlexNet's errors on ImageNet-C's corruptions, means of the severities. Unrounded in
# https://github.com/google-research/augmix, imagenet.py; rounded in the paper's tables.
ALEXNET = {
    "gaussian_noise": 0.886428,
    "shot_noise": 0.894468,
    "impulse_noise": 0.922640,
    "defocus_blur": 0.819880,
    "glass_blur": 0.826268,
    "motion_blur": 0.785948,
    "zoom_blur": 0.798360,
    "snow": 0.866816,
    "frost": 0.826572,
    "fog": 0.819324,
    "brightness": 0.564592,
    "contrast": 0.853204,
    "elastic_transform": 0.646056,
    "pixelate": 0.717840,
    "jpeg_compression": 0.606500,
}
ALEXNET_CLEAN = 0.435  # The paper, table 1.

FROST = (
    "frost is drawn, where the published sets have photographs of it: not comparable with theirs"
)
MADE_HERE = "corruptions are made here; the published sets drew other numbers"
AS_JPEG = "ImageNet-C's images were stored as JPEG once more, these were not"


def _shifts(side: int) -> Mapping[float, Transform]:
    """By 0 to 8 32nds of the side: up to 8 of CIFAR's 32 pixels, 56 of 224."""
    amounts = dict.fromkeys(round(step * side / 32) for step in range(9))
    return {pixels: Shift(pixels) for pixels in amounts}


def _rotations(side: int) -> Mapping[float, Transform]:
    return {degrees: Rotation(degrees) for degrees in range(-30, 31, 5)}


def _scales(side: int) -> Mapping[float, Transform]:
    return {tenths / 10: Scale(tenths / 10) for tenths in range(7, 15)}


@dataclass(frozen=True)
class Change:
    """A geometric change: what its amounts are counted in, those that are tried, and which is none.

    `transforms` gives the change by amount, for images of a side in pixels.
    """

    unit: str
    none: float
    transforms: Callable[[int], Mapping[float, Transform]]


CHANGES: Mapping[str, Change] = {
    "shift": Change("pixels", 0, _shifts),
    "rotation": Change("degrees", 0, _rotations),
    "scale": Change("factor", 1, _scales),
}
ALL = (*CORRUPTIONS, *CHANGES)


@dataclass(frozen=True)
class Robustness:
    """What was measured, and the paper's figures of it. Errors are fractions: 1 - top1.

    Args:
        clean: figures of the images as they are.
        corrupted: figures by corruption and severity.
        changed: figures by geometric change and amount.
        of_set: whose strengths the corruptions have.
        of_imagenet: the images are of ImageNet's classes, and 224 pixels large: AlexNet's errors
            are known.
    """

    clean: Figures
    corrupted: Mapping[str, Mapping[int, Figures]]
    changed: Mapping[str, Mapping[float, Figures]] = field(default_factory=dict)
    of_set: PublishedSet = "imagenet_c"
    of_imagenet: bool = False

    @property
    def clean_error(self) -> float:
        return _error(self.clean)

    def error(self, name: str) -> float:
        """Mean over the severities that were measured."""
        return fmean(_error(figures) for figures in self.corrupted[name].values())

    @property
    def mean_error(self) -> float | None:
        """Mean over the paper's 15, of those that were measured; None without any.

        The unnormalised mean corruption error, that of CIFAR-10-C for one.
        """
        return _mean(self.error(name) for name in self._common())

    @property
    def relative_error(self) -> float | None:
        """`mean_error` less the error of the images as they are."""
        return None if self.mean_error is None else self.mean_error - self.clean_error

    def ce(self, name: str) -> float | None:
        """Corruption error: the error over AlexNet's; None where that is not known."""
        return self.error(name) / ALEXNET[name] if self._has_ce(name) else None

    def relative_ce(self, name: str) -> float | None:
        """What the corruption adds to the error, over what it adds to AlexNet's."""
        if not self._has_ce(name):
            return None
        return (self.error(name) - self.clean_error) / (ALEXNET[name] - ALEXNET_CLEAN)

    @property
    def mce(self) -> float | None:
        """Mean corruption error: None unless all 15 were measured, at all severities."""
        return _mean_of_all(map(self.ce, COMMON))

    @property
    def relative_mce(self) -> float | None:
        return _mean_of_all(map(self.relative_ce, COMMON))

    @property
    def notes(self) -> tuple[str, ...]:
        """What to say beside the figures: how the images differ from the published sets'."""
        if not self.corrupted:
            return ()
        return (
            MADE_HERE,
            *((AS_JPEG,) if self.of_set != "cifar10_c" else ()),
            *((FROST,) if "frost" in self.corrupted else ()),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values, amounts and severities as text; None for what is not known."""
        return {
            "clean": dict(self.clean),
            "strengths_of": self.of_set,
            "corruptions": {
                name: {
                    "severities": {str(at): dict(found) for at, found in by_severity.items()},
                    "error": self.error(name),
                    "relative_error": self.error(name) - self.clean_error,
                    "ce": self.ce(name),
                    "relative_ce": self.relative_ce(name),
                }
                for name, by_severity in self.corrupted.items()
            },
            "mean_error": self.mean_error,
            "relative_error": self.relative_error,
            "mce": self.mce,
            "relative_mce": self.relative_mce,
            "changes": {
                name: {
                    "unit": CHANGES[name].unit,
                    "amounts": {f"{amount:g}": dict(found) for amount, found in by_amount.items()},
                }
                for name, by_amount in self.changed.items()
            },
            "notes": list(self.notes),
        }

    def rows(self) -> list[dict[str, str | float | None]]:
        """A table of errors: clean images, each corruption by severity, and their mean.

        Columns are `corruption`, the severities as text, `error`, `relative_error`, and with
        AlexNet's errors `ce` and `relative_ce`; None where there is no figure.
        """
        severities = sorted({at for found in self.corrupted.values() for at in found})
        rows = [self._row("clean", dict.fromkeys(severities), self.clean_error, 0.0, None, None)]
        for name, found in self.corrupted.items():
            errors = {at: _error(found[at]) if at in found else None for at in severities}
            error = self.error(name)
            above = error - self.clean_error
            rows.append(
                self._row(name, errors, error, above, self.ce(name), self.relative_ce(name))
            )
        if self._common():
            errors = {
                at: _mean_of_all(row[str(at)] for row in rows if row["corruption"] in COMMON)
                for at in severities
            }
            means = self.mean_error, self.relative_error, self.mce, self.relative_mce
            rows.append(self._row(f"mean of {len(self._common())}", errors, *means))
        return rows

    def _row(
        self,
        name: str,
        errors: Mapping[int, float | None],
        error: float | None,
        above: float | None,
        ce: float | None,
        relative_ce: float | None,
    ) -> dict[str, str | float | None]:
        severities = {str(at): value for at, value in errors.items()}
        row = {"corruption": name, **severities, "error": error, "relative_error": above}
        return {**row, "ce": ce, "relative_ce": relative_ce} if self.of_imagenet else row

    def _common(self) -> list[str]:
        return [name for name in self.corrupted if name in COMMON]

    def _has_ce(self, name: str) -> bool:
        return (
            self.of_imagenet
            and self.of_set == "imagenet_c"
            and name in ALEXNET
            and set(self.corrupted.get(name, ())) == set(SEVERITIES)
        )


def robustness(
    measure: Measure,
    names: Sequence[str] = ALL,
    severities: Sequence[int] = SEVERITIES,
    *,
    side: int,
    of_imagenet: bool = False,
) -> Robustness:
    """Measures clean images, then each corruption at each severity, and each geometric change.

    Args:
        measure: called with no transform, then with one at a time.
        names: as for `read_names`: corruptions, and the geometric changes shift, rotation and
            scale.
        severities: of 1 to 5.
        side: the shorter one of the images as the model gets them, in pixels: it decides which
            published set's strengths the corruptions have, and how far a shift goes.
        of_imagenet: the images are of ImageNet's classes and 224 pixels large, so that errors may
            be divided by AlexNet's.

    Raises UserError, before anything is measured, for an unknown name or severity; and where
    `measure` knows no top-1.
    """
    names = _expanded(names)
    corruptions = {
        name: {at: corruption(name, at, side) for at in severities}
        for name in names
        if name in CORRUPTIONS
    }
    changes = {name: CHANGES[name].transforms(side) for name in names if name in CHANGES}
    clean = measure(())
    if "top1" not in clean:
        raise UserError(
            f"errors of corruptions are of top-1, which is not among {', '.join(clean)}:"
            " images must have one class each"
        )
    return Robustness(
        clean=clean,
        corrupted={
            name: {at: measure((transform,)) for at, transform in by_severity.items()}
            for name, by_severity in corruptions.items()
        },
        changed={
            name: {
                amount: clean if amount == CHANGES[name].none else measure((transform,))
                for amount, transform in by_amount.items()
            }
            for name, by_amount in changes.items()
        },
        of_set=published_set(side),
        of_imagenet=of_imagenet,
    )


def read_names(text: str) -> tuple[str, ...]:
    """Those of `--corruptions=NAME,NAME`; all is all of them, common the paper's 15.

    Raises UserError for one that is unknown, with the nearest that is not.
    """
    return _expanded(name.strip() for name in text.split(","))


def _expanded(names: Iterable[str]) -> tuple[str, ...]:
    """Each once, in order, with what all and common stand for."""
    known = {"all": ALL, "common": COMMON, **{name: (name,) for name in ALL}}
    groups = [look_up(known, name, "corruption") for name in names]
    return tuple(dict.fromkeys(name for group in groups for name in group))


def _error(figures: Figures) -> float:
    return 1 - figures["top1"]


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return fmean(known) if known else None


def _mean_of_all(values: Iterable[Any]) -> float | None:
    known = list(values)
    return None if not known or None in known else fmean(known)
