"""Does a rate in proportion to the batch size keep accuracy, and where does it break?

    python -m experiments.batch_size --data-dir=DIR

As many epochs for all, so that larger batches take fewer steps. The answer is in
experiments/RESULTS.md.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from matplotlib.figure import Figure

from experiments.form import command, drawing
from experiments.form.claim import Asked, Claim, Part, compared
from experiments.form.measures import TEST_TOP1, TRAIN_LOSS, VAL_TOP1
from experiments.form.small_resnet import BASE, SETTING, STEM_AND_HEAD
from experiments.form.table import Table
from jaxcnn.recipe import Recipe

SMALLEST, LARGER = 64, (256, 1024)
RATE = 0.05  # Of the smallest batch.


def _recipe(batch_size: int, rate: float, warmup_epochs: float = 1.0) -> Recipe:
    return replace(
        BASE,
        epochs=3,
        batch_size=batch_size,
        optim=replace(BASE.optim, lr=rate),
        schedule=replace(BASE.schedule, warmup_epochs=warmup_epochs),
    )


RUNS = {
    f"linear{SMALLEST}": _recipe(SMALLEST, RATE),
    **{f"linear{size}": _recipe(size, RATE * size / SMALLEST) for size in LARGER},
    **{f"fixed{size}": _recipe(size, RATE) for size in LARGER},
    **{f"cold{size}": _recipe(size, RATE * size / SMALLEST, 0.0) for size in LARGER[-1:]},
}
MEASURES = {"val_top1": VAL_TOP1, "test_top1": TEST_TOP1, "train_loss": TRAIN_LOSS}


def answer(table: Table) -> Sequence[Part]:
    """A loss of accuracy is asked for as what breaks the rule."""
    asked = [
        *(
            Asked(f"at {size} the linear rule loses accuracy against batches of {SMALLEST}",
                  f"linear{size}", f"linear{SMALLEST}", 0.01, above=False)
            for size in LARGER
        ),
        *(
            Asked(f"at {size} the linear rule beats the unchanged rate", f"linear{size}",
                  f"fixed{size}", 0.01)
            for size in LARGER
        ),
        *(
            Asked(f"at {size} the linear rule needs warmup", f"linear{size}", f"cold{size}", 0.01)
            for size in LARGER[-1:]
        ),
    ]  # fmt: skip
    return compared(table, "test_top1", "test top-1", asked)


def draw(table: Table, figure: Figure) -> None:
    sizes = {"linear": (SMALLEST, *LARGER), "fixed": LARGER, "cold": LARGER[-1:]}
    names = {"linear": "rate in proportion", "fixed": "the rate of 64", "cold": "without warmup"}
    series = {
        names[kind]: [(size, f"{kind}{size}") for size in of_kind]
        for kind, of_kind in sizes.items()
    }
    ticks = (SMALLEST, *LARGER)
    shown = {name: MEASURES[name] for name in ("test_top1", "train_loss")}
    drawing.lines(table, figure, shown, series, "batch size (images)", xscale="log",
                  xticks=ticks)  # fmt: skip


CLAIM = Claim(
    name="batch_size",
    number=13,
    question="Does a rate in proportion to the batch size keep accuracy, and where does it break?",
    source="Goyal et al., 2017, https://arxiv.org/abs/1706.02677, sections 2.1 and 2.2",
    setting=f"{SETTING}; 3 epochs, the first of them warmup; 27 steps in all at 1024",
    runs=RUNS,
    measures=MEASURES,
    answer=answer,
    draw=draw,
    quick_model=STEM_AND_HEAD,
    decided_by="training long enough that the smallest batch has converged",
)

main = partial(command.main, CLAIM, __doc__)


if __name__ == "__main__":
    sys.exit(main())
