"""Does convolution help, and does it help more when digits are not where they were in training?

    python -m experiments.convolution_vs_dense --data-dir=DIR

Trained on MNIST as it is, without augmentation, and tested on clean test images and on ones shifted
at random by up to 2 and 4 pixels each way. `mlp61k` has as many parameters as lenet5. The answer is
in experiments/RESULTS.md.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from matplotlib.figure import Figure

from experiments.form import command, drawing
from experiments.form.claim import Asked, Claim, Measure, Part, Run, compared
from experiments.form.measures import VAL_TOP1
from experiments.form.table import Table
from jaxcnn.data.augment.crop import RandomCrop
from jaxcnn.evaluate.evaluation import evaluate_run
from jaxcnn.recipe import Augment, Recipe, recipe_for, with_model
from jaxcnn.run.folder import RunFolder

SHIFTS_PIXELS = (0, 2, 4)


def _recipe(arch: str) -> Recipe:
    """The architecture's own, without the shifts in training that would hide the effect."""
    return replace(recipe_for(arch, "mnist"), epochs=3, augment=Augment())


RUNS = {
    "linear": _recipe("linear"),
    "mlp": _recipe("mlp"),
    "mlp61k": with_model(_recipe("mlp"), hidden=(69, 94)),
    "lenet5": _recipe("lenet5"),
}


def _shifted_top1(pixels: int, run: Run) -> float:
    """Test top-1 with every image shifted, by up to so many pixels each way."""
    if not pixels:
        return run.summary["test"]["top1"]
    image_size = RunFolder(run.folder).read_recipe().image_size
    shift = (RandomCrop(image_size, pixels),)
    return evaluate_run(run.folder, split="test", extra_transforms=shift)["top1"]


def _where(pixels: int) -> str:
    return f"shifted ≤ {pixels} px" if pixels else "clean"


MEASURES = {
    "val_top1": VAL_TOP1,
    **{
        f"shift{pixels}": Measure(
            f"test top-1, {_where(pixels)} (fraction)", partial(_shifted_top1, pixels)
        )
        for pixels in SHIFTS_PIXELS
    },
}


def answer(table: Table) -> Sequence[Part]:
    parts = []
    for pixels in SHIFTS_PIXELS:
        where = f"on digits shifted by up to {pixels} pixels" if pixels else "on clean digits"
        asked = [
            Asked(f"{where} lenet5 beats {other}", "lenet5", other, 0.002)
            for other in ("linear", "mlp", "mlp61k")
        ]
        parts += compared(table, f"shift{pixels}", "test top-1", asked)
    lost = table.derived("lost", lambda found: found["shift0"] - found["shift4"])
    asked = [
        Asked(f"lenet5 loses less to shifts of up to 4 pixels than {other}", "lenet5", other, 0.01,
              above=False)
        for other in ("mlp", "mlp61k")
    ]  # fmt: skip
    return [*parts, *compared(lost, "lost", "test top-1 lost", asked)]


def draw(table: Table, figure: Figure) -> None:
    shifts = {name: MEASURES[name] for name in MEASURES if name != "val_top1"}
    drawing.dots(table, figure, shifts)


CLAIM = Claim(
    name="convolution_vs_dense",
    number=1,
    question="Does convolution help, and more when digits are not where they were in training?",
    source="LeCun et al., 1998, http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf, section III",
    setting="MNIST, all 54,000 training images, no augmentation; 3 epochs; lenet5 and mlp61k have "
    "61,706 and 61,695 parameters",
    runs=RUNS,
    measures=MEASURES,
    answer=answer,
    draw=draw,
)

main = partial(command.main, CLAIM, __doc__)


if __name__ == "__main__":
    sys.exit(main())
