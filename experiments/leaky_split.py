"""What do test images that are in the training set too do to the accuracy that is reported?

    python -m experiments.leaky_split --data-dir=DIR

Some training images are replaced by copies of test images, with their labels. The accuracy that
such a study reports is compared with that on other test images, which no run has seen. The answer
is in experiments/RESULTS.md.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np
from matplotlib.figure import Figure

from experiments.form import command, drawing, small_cifar10
from experiments.form.claim import Asked, Claim, Measure, Part, Run, compared
from experiments.form.measures import TEST_TOP1, TRAIN_TOP1
from experiments.form.small_resnet import BASE, STEM_AND_HEAD
from experiments.form.table import Table
from jaxcnn.data import register_dataset
from jaxcnn.data.spec import ArraySource, DataDir
from jaxcnn.recipe import Augment
from jaxcnn.run.folder import RunFolder
from jaxcnn.trained.subject import subject_of_run

TRAIN, TEST = 3_000, 2_000  # Images; as many other test images are never seen.
LEAKED_PERCENT = (0, 10, 50)  # Of the test images.


def _load(percent: int, split: str, data_dir: DataDir = None) -> ArraySource:
    if split == "test":
        return _part(split, 0, TEST, data_dir)
    if split == "val":
        return _part(split, 0, 1_000, data_dir)
    copies = TEST * percent // 100
    own = _part("train", 0, TRAIN - copies, data_dir)
    leaked = _part("test", 0, copies, data_dir)
    images = np.concatenate([own.images, leaked.images])
    return ArraySource(images, np.concatenate([own.labels, leaked.labels]))


@cache
def _part(split: str, begin: int, end: int, data_dir: DataDir) -> ArraySource:
    of_split = small_cifar10.load(split, data_dir)
    return ArraySource(of_split.images[begin:end], of_split.labels[begin:end])


DATA = {
    percent: replace(
        small_cifar10.small_cifar10(f"cifar10_16px_leak{percent}"),
        load=partial(_load, percent),
        num_train=TRAIN,
    )
    for percent in LEAKED_PERCENT
}
for each in DATA.values():
    register_dataset(each)


def _never_seen_top1(run: Run) -> float:
    """Of test images that are in no run's training set."""
    subject = subject_of_run(run.folder)
    if subject.data not in DATA.values():  # Of --quick: digits, which leak nothing.
        return run.summary["test"]["top1"]
    data_dir = RunFolder(run.folder).read_recipe().data_dir
    return subject.evaluate(_part("test", TEST, 2 * TEST, data_dir)).figures["top1"]


RUNS = {
    f"leak{percent}": replace(BASE, dataset=data.name, epochs=8, augment=Augment())
    for percent, data in DATA.items()
}
MEASURES = {
    "train_top1": TRAIN_TOP1,
    "reported_top1": TEST_TOP1,
    "unseen_top1": Measure("top-1 of test images never seen (fraction)", _never_seen_top1),
}


def answer(table: Table) -> Sequence[Part]:
    """Of the reported figure, and of that less the figure of images never seen, which a run's own
    luck moves less: asked for after a look at the first, so that the answer says so."""
    gaps = table.derived("gap", lambda found: found["reported_top1"] - found["unseen_top1"])
    parts = []
    for measured, name, what, note in (
        (table, "reported_top1", "reported top-1", ""),
        (gaps, "gap", "reported top-1 less that of images never seen", ", a second look"),
    ):
        asked = [
            Asked(f"{percent} % leaked raise the {what}{note}", f"leak{percent}", "leak0", 0.005)
            for percent in LEAKED_PERCENT[1:]
        ]
        parts += compared(measured, name, what, asked)
    return parts


def draw(table: Table, figure: Figure) -> None:
    drawing.dots(table, figure, MEASURES)


CLAIM = Claim(
    name="leaky_split",
    number=14,
    question="What do test images in the training set do to the accuracy that is reported?",
    source="Barz and Denzler, 2020, https://arxiv.org/abs/1902.00423; Kapoor and Narayanan, 2023, "
    "https://doi.org/10.1016/j.patter.2023.100804",
    setting=f"CIFAR-10 (JPEG copy) at 16 pixels, {TRAIN:,} training and {TEST:,} test images, and "
    f"{TEST:,} other test images; a ResNet of 8 layers, 8 epochs without augmentation",
    runs=RUNS,
    measures=MEASURES,
    answer=answer,
    draw=draw,
    decided_by="more seeds: the best epoch by validation comes early in some runs, before the "
    "copies are known by heart",
    quick_model=STEM_AND_HEAD,
)

main = partial(command.main, CLAIM, __doc__)


if __name__ == "__main__":
    sys.exit(main())
