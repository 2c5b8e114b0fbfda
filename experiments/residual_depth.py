"""Do deeper plain networks train worse, and do shortcuts change that?

    python -m experiments.residual_depth --data-dir=DIR

The networks of the paper's section 4.2, on maps of 8, 4 and 2 pixels. The answer is in
experiments/RESULTS.md.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from experiments.form import command, drawing, small_cifar10
from experiments.form.claim import Asked, Claim, Part, compared
from experiments.form.measures import TEST_TOP1, TRAIN_LOSS, VAL_TOP1
from experiments.form.small_resnet import BASE, STEM_AND_HEAD
from experiments.form.table import Table
from jaxcnn.recipe import Recipe, with_model

DEPTHS = (20, 56)


def _recipe(layers: int, **fields: Any) -> Recipe:
    short = replace(BASE, steps=100)
    return with_model(short, width=8, blocks_per_stage=(layers - 2) // 6, **fields)


RUNS = {
    **{f"plain{layers}": _recipe(layers, skip=False) for layers in DEPTHS},
    **{f"residual{layers}": _recipe(layers) for layers in DEPTHS},
}
MEASURES = {"train_loss": TRAIN_LOSS, "val_top1": VAL_TOP1, "test_top1": TEST_TOP1}


def answer(table: Table) -> Sequence[Part]:
    by_loss = [
        Asked("plain, 56 layers train worse than 20", "plain56", "plain20", 0.02),
        Asked("56 layers train better with shortcuts", "residual56", "plain56", 0.02, above=False),
        Asked(
            "with shortcuts, 56 layers train better than 20",
            "residual56",
            "residual20",
            0.02,
            above=False,
        ),  # fmt: skip
    ]
    return compared(table, "train_loss", "training loss", by_loss, 3)


def draw(table: Table, figure: Figure) -> None:
    kinds = ("plain", "residual")
    series = {kind: [(layers, f"{kind}{layers}") for layers in DEPTHS] for kind in kinds}
    drawing.lines(table, figure, MEASURES, series, "layers", xscale="log", xticks=DEPTHS)


CLAIM = Claim(
    name="residual_depth",
    number=5,
    question="Do deeper plain networks train worse, and do shortcuts change that?",
    source="He et al., 2016, https://arxiv.org/abs/1512.03385, section 4.2 and figure 6",
    setting=f"{small_cifar10.SETTING}; stages of 8, 16 and 32 maps; 100 steps of 128 images",
    runs=RUNS,
    measures=MEASURES,
    answer=answer,
    draw=draw,
    quick_model=STEM_AND_HEAD,
    decided_by="the paper's 164 epochs, in which small differences of deep networks show",
)

main = partial(command.main, CLAIM, __doc__)


if __name__ == "__main__":
    sys.exit(main())
