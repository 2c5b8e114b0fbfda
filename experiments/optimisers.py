"""Which optimiser is best, each at its best rate?

    python -m experiments.optimisers --data-dir=DIR

Each optimiser has the same number of rates, of which the best by validation is compared on the test
split. SAM is not among jaxcnn's optimisers. The answer is in experiments/RESULTS.md.
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
from jaxcnn.recipe import Optim

# Decoupled decay is times the rate, so that its product with the middle rate is that of SGD.
OPTIMISERS = {
    "sgd": (Optim("sgd", weight_decay=5e-4), (0.03, 0.1, 0.3)),
    "adamw": (Optim("adamw", weight_decay=1e-2), (2e-3, 6e-3, 2e-2)),
    "lamb": (Optim("lamb", weight_decay=1e-2), (5e-3, 1.5e-2, 5e-2)),
    "lion": (Optim("lion", weight_decay=1e-1), (2e-4, 6e-4, 2e-3)),
    "muon": (Optim("muon", weight_decay=1e-2, adam_lr=1e-2), (1e-2, 3e-2, 1e-1)),
}
RUNS = {
    f"{name}_{rate:g}": replace(BASE, epochs=2, optim=replace(optim, lr=rate))
    for name, (optim, rates) in OPTIMISERS.items()
    for rate in rates
}
MEASURES = {"val_top1": VAL_TOP1, "test_top1": TEST_TOP1, "train_loss": TRAIN_LOSS}


def best(table: Table, name: str) -> str:
    """The run of an optimiser's rate that validates best, by the mean over seeds."""
    runs = [run for run in table.runs if run.partition("_")[0] == name]
    return max(runs, key=lambda run: table.estimate(run, "val_top1").mean)


def answer(table: Table) -> Sequence[Part]:
    asked = [
        Asked(f"{name} beats SGD", best(table, name), best(table, "sgd"), 0.01)
        for name in OPTIMISERS
        if name != "sgd"
    ]
    return compared(table, "test_top1", "test top-1", asked)


def draw(table: Table, figure: Figure) -> None:
    series = {
        name: [(rate, f"{name}_{rate:g}") for rate in rates]
        for name, (_, rates) in OPTIMISERS.items()
    }
    shown = {name: MEASURES[name] for name in ("val_top1", "train_loss")}
    drawing.lines(table, figure, shown, series, "learning rate", xscale="log")


CLAIM = Claim(
    name="optimisers",
    number=15,
    question="Which optimiser is best at its best rate, when all have equal budgets?",
    source="Choi et al., 2019, https://arxiv.org/abs/1910.05446; Lion: "
    "https://arxiv.org/abs/2302.06675; Muon: https://kellerjordan.github.io/posts/muon",
    setting=f"{SETTING}; 2 epochs; three rates an optimiser, the best by mean validation top-1; "
    "other settings as they are",
    runs=RUNS,
    measures=MEASURES,
    answer=answer,
    draw=draw,
    quick_model=STEM_AND_HEAD,
    decided_by="finer rates, decay tuned too, and a longer training",
)

main = partial(command.main, CLAIM, __doc__)


if __name__ == "__main__":
    sys.exit(main())
