"""Is DenseNet more accurate than ResNet for its parameters and arithmetic?

    python -m experiments.dense_connections --data-dir=DIR

DenseNets of several growth rates, with and without bottlenecks and compression, beside residual
networks. All stems leave 16 x 16 positions. The answer is in experiments/RESULTS.md.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from matplotlib.figure import Figure

from experiments.form import command, small_cifar10
from experiments.form.claim import Asked, Claim, Part, compared
from experiments.form.drawing import COLOURS, MARKERS, legend
from experiments.form.measures import MACS, TEST_TOP1, VAL_TOP1
from experiments.form.small_resnet import BASE
from experiments.form.table import Table
from jaxcnn.recipe import with_model

DENSE = with_model(replace(BASE, arch="densenet_40_k12", epochs=3), stages=(3, 3, 3), growth_rate=8)
RESIDUAL = replace(BASE, arch="resnet20", epochs=3)
RUNS = {
    "resnet8": with_model(RESIDUAL, blocks_per_stage=1),
    "resnet14": with_model(RESIDUAL, blocks_per_stage=2),
    "dense_k8": DENSE,
    "dense_k16": with_model(DENSE, growth_rate=16),
    "dense_k16_compressed": with_model(DENSE, growth_rate=16, compression=0.5),
    "dense_k16_bc": with_model(DENSE, growth_rate=16, compression=0.5, bottleneck=True),
}
MEASURES = {"val_top1": VAL_TOP1, "test_top1": TEST_TOP1, "mmacs": MACS}


def answer(table: Table) -> Sequence[Part]:
    asked = [
        Asked("with half the parameters and equal arithmetic, growth 8 beats the ResNet of 8 "
              "layers", "dense_k8", "resnet8", 0.01),
        Asked("with two fifths of the parameters and equal arithmetic, growth 16 with compression "
              "beats the ResNet of 14 layers", "dense_k16_compressed", "resnet14", 0.01),
        Asked("a higher growth rate helps", "dense_k16", "dense_k8", 0.01),
        Asked("compression costs accuracy", "dense_k16_compressed", "dense_k16", 0.01,
              above=False),
        Asked("bottlenecks help, at twice the arithmetic", "dense_k16_bc", "dense_k16_compressed",
              0.01),
    ]  # fmt: skip
    return compared(table, "test_top1", "test top-1", asked)


def draw(table: Table, figure: Figure) -> None:
    figure.set_size_inches(9, 4.2)
    costs = {"params": ("parameters (thousands)", 1e3), "mmacs": (MACS.label, 1.0)}
    panels = figure.subplots(1, len(costs), sharey=True)
    for axes, (cost, (label, unit)) in zip(panels, costs.items(), strict=True):
        for run, colour, marker in zip(table.runs, COLOURS, MARKERS, strict=False):
            found = table.estimate(run, "test_top1")
            several = len(found.values) > 1
            axes.errorbar(table.estimate(run, cost).mean / unit, found.mean,
                          yerr=found.interval95 if several else None, color=colour,
                          marker=marker, linestyle="", capsize=3, label=run)  # fmt: skip
        axes.set_xlabel(label)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel(TEST_TOP1.label)
    legend(figure, panels[0])


CLAIM = Claim(
    name="dense_connections",
    number=7,
    question="Is DenseNet more accurate than ResNet for its parameters and arithmetic?",
    source="Huang et al., 2017, https://arxiv.org/abs/1608.06993, figure 4 and table 2",
    setting=f"{small_cifar10.SETTING}; three dense blocks of three layers, residual networks of 8 "
    "and 14 layers, 3 epochs",
    runs=RUNS,
    measures=MEASURES,
    answer=answer,
    draw=draw,
    quick_model={"stages": (1, 1)},
    decided_by="a longer training of deeper networks, in which features are used again",
)

main = partial(command.main, CLAIM, __doc__)


if __name__ == "__main__":
    sys.exit(main())
