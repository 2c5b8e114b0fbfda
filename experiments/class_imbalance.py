"""What helps where classes are of very different sizes, and which figure shows it?

    python -m experiments.class_imbalance --data-dir=DIR

Training images fall from class to class, from 900 to 18; validation and test are even. The answer
is in experiments/RESULTS.md.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np

from experiments.form import command, drawing, small_cifar10
from experiments.form.claim import Asked, Claim, Measure, Part, Run, compared
from experiments.form.measures import VAL_TOP1, test_logits
from experiments.form.small_resnet import BASE, STEM_AND_HEAD
from experiments.form.table import Table
from jaxcnn.data import register_dataset
from jaxcnn.data.spec import ArraySource, DataDir

LARGEST, RATIO = 900, 50
COUNTS = (LARGEST * RATIO ** (-np.arange(10) / 9)).round().astype(int)
PRIOR = COUNTS / COUNTS.sum()
RAREST = 3  # Classes.


@cache
def _load(split: str, data_dir: DataDir = None) -> ArraySource:
    even = small_cifar10.load(split, data_dir)
    if split != "train":
        return even
    chosen = [np.flatnonzero(even.labels == k)[:count] for k, count in enumerate(COUNTS)]
    kept = np.sort(np.concatenate(chosen))
    return ArraySource(even.images[kept], even.labels[kept], even.version)


LONG_TAILED = register_dataset(
    replace(
        small_cifar10.small_cifar10("cifar10_16px_long_tailed"),
        load=_load,
        num_train=int(COUNTS.sum()),
    )
)
# Steps, since an epoch of balanced sampling is longer.
PLAIN = replace(BASE, dataset=LONG_TAILED.name, steps=200)
RUNS = {
    "plain": PLAIN,
    "effective": replace(PLAIN, class_weights="effective"),
    "weighted": replace(PLAIN, class_weights="balanced"),
    "balanced_sampling": replace(PLAIN, sampling="balanced"),
    # Trained as it is; its logits are adjusted afterwards, by Menon et al.'s equation 9.
    "logit_adjusted": PLAIN,
}


def _recalls(run: Run) -> np.ndarray:
    """Of each class, on the even test split."""
    labels, logits = test_logits(run)
    if run.name == "logit_adjusted":
        logits = logits - np.log(PRIOR)
    right = logits.argmax(1) == labels
    return np.array([right[labels == k].mean() for k in range(len(PRIOR))])


MEASURES = {
    "val_top1": VAL_TOP1,
    "balanced": Measure(
        "balanced accuracy, test (fraction)", lambda run: float(_recalls(run).mean())
    ),
    "as_trained": Measure(
        "accuracy were test images as uneven (fraction)",
        lambda run: float(_recalls(run) @ PRIOR),
    ),
    "rarest": Measure(
        f"recall of the {RAREST} rarest classes, test (fraction)",
        lambda run: float(_recalls(run)[-RAREST:].mean()),
    ),
}


def answer(table: Table) -> Sequence[Part]:
    remedies = [run for run in RUNS if run != "plain"]
    raised = [Asked(f"{run} raises balanced accuracy", run, "plain", 0.01) for run in remedies]
    hidden = [
        Asked(f"{run} raises accuracy on images as uneven as in training", run, "plain", 0.01)
        for run in remedies
    ]
    return [
        *compared(table, "balanced", "balanced accuracy", raised),
        *compared(table, "as_trained", "accuracy by the training's shares", hidden),
    ]


CLAIM = Claim(
    name="class_imbalance",
    number=16,
    question="What helps where classes are of very different sizes, and which figure shows it?",
    source="Cui et al., 2019, https://arxiv.org/abs/1901.05555; Menon et al., 2021, "
    "https://arxiv.org/abs/2007.07314, equation 9",
    setting=f"CIFAR-10 (JPEG copy) at 16 pixels, {COUNTS.sum():,} training images, {LARGEST} of "
    f"the largest class and {COUNTS[-1]} of the smallest; a ResNet of 8 layers, 200 steps",
    runs=RUNS,
    measures=MEASURES,
    answer=answer,
    draw=drawing.dots_of(MEASURES, "balanced", "as_trained", "rarest"),
    quick_model=STEM_AND_HEAD,
)

main = partial(command.main, CLAIM, __doc__)


if __name__ == "__main__":
    sys.exit(main())
