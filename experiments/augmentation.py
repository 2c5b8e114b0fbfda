"""What do augmentation, mixing and label smoothing do to accuracy and to calibration?

    python -m experiments.augmentation --data-dir=DIR

From none to RandAugment with mixup and cutmix, each on top of crops and mirror images. The answer
is in experiments/RESULTS.md.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from experiments.form import command, drawing
from experiments.form.claim import Asked, Claim, Measure, Part, Run, compared
from experiments.form.measures import TEST_TOP1, TRAIN_TOP1, VAL_TOP1, test_logits
from experiments.form.small_resnet import BASE, SETTING, STEM_AND_HEAD
from experiments.form.table import Table
from jaxcnn.metrics import calibration
from jaxcnn.recipe import Augment, Recipe

CROP_FLIP = BASE.augment


def _recipe(augment: Augment) -> Recipe:
    return replace(BASE, epochs=5, augment=augment)


def _more(**fields: Any) -> Recipe:
    return _recipe(replace(CROP_FLIP, **fields))


RUNS = {
    "none": _recipe(Augment()),
    "crop_flip": _recipe(CROP_FLIP),
    "randaugment": _more(policy="randaugment", magnitude=5),
    "mixup": _more(mixup=0.2),
    "cutmix": _more(cutmix=1.0),
    "label_smoothing": _more(label_smoothing=0.1),
}


def _calibration_error(run: Run) -> float:
    """The expected one, of 15 bins of confidence, on the test split."""
    found = calibration(*test_logits(run)).ece
    return float("nan") if found is None else found


MEASURES = {
    "val_top1": VAL_TOP1,
    "test_top1": TEST_TOP1,
    "train_top1": TRAIN_TOP1,
    "ece": Measure("calibration error of the test split (fraction)", _calibration_error),
}


def answer(table: Table) -> Sequence[Part]:
    more = {
        "randaugment": "RandAugment helps on top of them",
        "mixup": "mixup helps on top of them",
        "cutmix": "cutmix helps on top of them",
    }
    by_top1 = [
        Asked("crops and mirror images help", "crop_flip", "none", 0.005),
        *(Asked(says, run, "crop_flip", 0.005) for run, says in more.items()),
    ]
    by_ece = [
        Asked("label smoothing calibrates", "label_smoothing", "crop_flip", 0.01, above=False),
        Asked("mixup calibrates", "mixup", "crop_flip", 0.01, above=False),
    ]
    return [
        *compared(table, "test_top1", "test top-1", by_top1),
        *compared(table, "ece", "calibration error", by_ece),
    ]


CLAIM = Claim(
    name="augmentation",
    number=11,
    question="What do augmentation, mixing and label smoothing do to accuracy and calibration?",
    source="RandAugment: https://arxiv.org/abs/1909.13719; mixup: https://arxiv.org/abs/1710.09412;"
    " cutmix: https://arxiv.org/abs/1905.04899; calibration: https://arxiv.org/abs/1906.02629",
    setting=f"{SETTING}; 5 epochs, in which it does not learn its training images by heart",
    runs=RUNS,
    measures=MEASURES,
    answer=answer,
    draw=drawing.dots_of(MEASURES, "test_top1", "ece"),
    quick_model=STEM_AND_HEAD,
    decided_by="a larger network trained until it fits its training images, which is when these "
    "methods are used",
)

main = partial(command.main, CLAIM, __doc__)


if __name__ == "__main__":
    sys.exit(main())
