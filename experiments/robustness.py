"""Which families and augmentations stand noise, blur, contrast and shifts?

    python -m experiments.robustness --data-dir=DIR

Trained on clean images, tested on corrupted ones, with the strengths of CIFAR-10-C at severity 3.
The answer is in experiments/RESULTS.md.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from matplotlib.figure import Figure

from experiments.form import command, drawing
from experiments.form.claim import Asked, Claim, Measure, Part, Run, compared
from experiments.form.measures import TEST_TOP1, VAL_TOP1
from experiments.form.small_resnet import BASE, SETTING, STEM_AND_HEAD
from experiments.form.table import Table
from jaxcnn.data.augment.crop import RandomCrop
from jaxcnn.data.corrupt.published import corruption
from jaxcnn.evaluate.evaluation import evaluate_run
from jaxcnn.recipe import Augment, Optim, with_model
from jaxcnn.run.folder import RunFolder

SEVERITY, SHIFT_PIXELS = 3, 2
CORRUPTIONS = ("gaussian_noise", "gaussian_blur", "contrast")

NONE = replace(BASE, epochs=4, augment=Augment())
RUNS = {
    "resnet": NONE,
    "mlp": with_model(
        replace(NONE, arch="mlp", optim=Optim("adamw", lr=1e-3, weight_decay=1e-2)),
        hidden=(100, 60),
    ),
    "crop_flip": replace(NONE, augment=BASE.augment),
    "augmix": replace(NONE, augment=replace(BASE.augment, policy="augmix")),
}


def _corrupted(name: str, run: Run) -> float:
    """Test top-1 on images as a corruption leaves them."""
    side = RunFolder(run.folder).read_recipe().image_size
    shift = RandomCrop(side, SHIFT_PIXELS)
    change = shift if name == "shift" else corruption(name, SEVERITY, side)
    return evaluate_run(run.folder, split="test", extra_transforms=(change,))["top1"]


MEASURES = {
    "val_top1": VAL_TOP1,
    "test_top1": TEST_TOP1,
    **{
        name: Measure(f"test top-1, {name.replace('_', ' ')} (fraction)", partial(_corrupted, name))
        for name in (*CORRUPTIONS, "shift")
    },
}


def answer(table: Table) -> Sequence[Part]:
    parts = []
    for name in (*CORRUPTIONS, "shift"):
        lost = table.derived("lost", lambda found, name=name: found["test_top1"] - found[name])
        told = name.replace("_", " ")
        asked = [
            Asked(f"a convolutional network loses less to {told} than an mlp", "resnet", "mlp",
                  0.01, above=False),
            Asked(f"crops and mirror images lessen what {told} costs", "crop_flip", "resnet",
                  0.01, above=False),
            Asked(f"AugMix lessens what {told} costs", "augmix", "crop_flip", 0.01, above=False),
        ]  # fmt: skip
        parts += compared(lost, "lost", f"test top-1 lost to {told}", asked)
    return parts


def draw(table: Table, figure: Figure) -> None:
    drawing.dots(table, figure, {n: m for n, m in MEASURES.items() if n != "val_top1"})


CLAIM = Claim(
    name="robustness",
    number=18,
    question="Which families and augmentations stand noise, blur, contrast and shifts?",
    source="Hendrycks and Dietterich, 2019, https://arxiv.org/abs/1903.12261; AugMix: "
    "https://arxiv.org/abs/1912.02781",
    setting=f"{SETTING}, and an mlp of 84 thousand; 4 epochs; corruptions of severity {SEVERITY} "
    f"of CIFAR-10-C, and shifts of up to {SHIFT_PIXELS} pixels",
    runs=RUNS,
    measures=MEASURES,
    answer=answer,
    draw=draw,
    quick_model=STEM_AND_HEAD,
)

main = partial(command.main, CLAIM, __doc__)


if __name__ == "__main__":
    sys.exit(main())
