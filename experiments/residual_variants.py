"""Are activations before the convolutions better, and projections than zeros in shortcuts?

    python -m experiments.residual_variants --data-dir=DIR

At 20 layers. The answer is in experiments/RESULTS.md.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from experiments.form import command, drawing, small_cifar10
from experiments.form.claim import Asked, Claim, Part, compared
from experiments.form.measures import TEST_TOP1, TRAIN_LOSS, VAL_TOP1
from experiments.form.small_resnet import BASE, STEM_AND_HEAD
from experiments.form.table import Table
from jaxcnn.recipe import with_model

RESIDUAL = with_model(replace(BASE, epochs=3), width=8, blocks_per_stage=3)
RUNS = {
    "post_A": RESIDUAL,
    "pre_A": with_model(RESIDUAL, order="pre"),
    "post_B": with_model(RESIDUAL, shortcut="B"),
}
MEASURES = {"val_top1": VAL_TOP1, "test_top1": TEST_TOP1, "train_loss": TRAIN_LOSS}


def answer(table: Table) -> Sequence[Part]:
    asked = [
        Asked("activations before the convolutions are better", "pre_A", "post_A", 0.01),
        Asked("projections (B) are better than zeros (A)", "post_B", "post_A", 0.01),
    ]
    return compared(table, "test_top1", "test top-1", asked)


CLAIM = Claim(
    name="residual_variants",
    number=5,
    question="Are activations before the convolutions better, and projections in shortcuts?",
    source="He et al., 2016, https://arxiv.org/abs/1603.05027, table 2, and "
    "https://arxiv.org/abs/1512.03385, table 3",
    setting=f"{small_cifar10.SETTING}; 20 layers, stages of 8, 16 and 32 maps; 3 epochs",
    runs=RUNS,
    measures=MEASURES,
    answer=answer,
    draw=drawing.dots_of(MEASURES, "test_top1", "train_loss"),
    quick_model=STEM_AND_HEAD,
    decided_by="networks of 110 layers and more, of which the paper found the order to matter",
)

main = partial(command.main, CLAIM, __doc__)


if __name__ == "__main__":
    sys.exit(main())
