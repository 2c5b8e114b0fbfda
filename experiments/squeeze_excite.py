"""Does squeeze-and-excitation help at equal cost, and what do its gates do by depth?

    python -m experiments.squeeze_excite --data-dir=DIR

A residual network with and without gates, at several reductions, and one without gates that is
wider, with more parameters and arithmetic than any with them. The answer is in
experiments/RESULTS.md.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from experiments.form import command, drawing, small_cifar10
from experiments.form.claim import Asked, Claim, Measure, Part, Run, compared
from experiments.form.measures import TEST_TOP1, VAL_TOP1
from experiments.form.small_resnet import BASE, STEM_AND_HEAD, Block, SmallResNet
from experiments.form.table import Table
from jaxcnn.layers.initializers import he_normal_fan_out
from jaxcnn.layers.squeeze_excite import SqueezeExcite
from jaxcnn.models import register_model
from jaxcnn.recipe import with_model
from jaxcnn.task.mixing import normalize
from jaxcnn.trained.subject import subject_of_run

REDUCTIONS = (4, 8, 16)
LOOKED_AT = 1_000  # Test images whose gates are looked at.


class ExcitedBlock(Block):
    """Its residual is scaled channel by channel before the sum (Hu et al., 2018, figure 3)."""

    reduction: int = 4

    def last(self, y: jax.Array) -> jax.Array:
        reduced = max(1, self.features // self.reduction)
        return SqueezeExcite(reduced, kernel_init=he_normal_fan_out, name="se")(y)


@register_model("small_seresnet", image_size=16)
class SmallSEResNet(SmallResNet):
    """`small_resnet` with gates; `reduction`: channels of a block over those of its gate."""

    reduction: int = 4

    def block(self) -> Callable[..., Block]:
        return partial(ExcitedBlock, reduction=self.reduction)


PLAIN = with_model(replace(BASE, epochs=3), blocks_per_stage=2)
GATED = replace(PLAIN, arch="small_seresnet")
RUNS = {
    "plain": PLAIN,
    "plain_wider": with_model(PLAIN, width=18),
    **{f"reduction{each}": with_model(GATED, reduction=each) for each in REDUCTIONS},
}


def _spread(stage: int, run: Run) -> float:
    """How far a gate's means of the ten classes lie apart, as a standard deviation: the mean over
    the gates of a stage's last block; 0 of a network without gates."""
    subject = subject_of_run(run.folder)
    if not isinstance(subject.model, SmallSEResNet) or not subject.model.blocks_per_stage:
        return 0.0
    examples = subject.load("test")
    count = min(LOOKED_AT, len(examples))
    images = jnp.asarray(np.stack([examples[i]["image"] for i in range(count)]))
    normalized = normalize(images, subject.input.mean, subject.input.std)
    gates = _gates(subject.model, subject.variables, normalized, stage)
    labels = examples.labels[:count]
    means = np.stack([gates[labels == k].mean(0) for k in range(subject.data.num_classes)])
    return float(means.std(0).mean())


def _gates(model: SmallSEResNet, variables: Any, images: jax.Array, stage: int) -> np.ndarray:
    """[N, C], 0 to 1, of the last block of a stage."""
    _, found = model.apply(
        variables, images, capture_intermediates=lambda module, _: module.name == "expand"
    )
    block = f"layer{stage}_{model.blocks_per_stage - 1}"
    intermediates: Any = found["intermediates"]
    return np.asarray(nn.sigmoid(intermediates[block]["se"]["expand"]["__call__"][0]))[:, 0, 0]


MEASURES = {
    "val_top1": VAL_TOP1,
    "test_top1": TEST_TOP1,
    "gates1": Measure("spread of gates over classes, stage 1", partial(_spread, 1)),
    "gates3": Measure("spread of gates over classes, stage 3", partial(_spread, 3)),
}


def answer(table: Table) -> Sequence[Part]:
    asked = [
        *(
            Asked(f"gates of reduction {each} help", f"reduction{each}", "plain", 0.01)
            for each in REDUCTIONS
        ),
        Asked("gates of reduction 4 help more than width", "reduction4", "plain_wider", 0.01),
    ]
    parts = compared(table, "test_top1", "test top-1", asked)
    return [*parts, _by_depth(table)]


def _by_depth(table: Table) -> Part:
    """The paper's section 7.2: gates of early layers are much the same for all classes."""
    early, late = (table.estimate("reduction4", name) for name in ("gates1", "gates3"))
    seeds = [b > a for a, b in zip(early.values, late.values, strict=True)]
    says = "gates tell classes apart more in the last stage than in the first"
    measured = f"spread over classes {early.mean:.4f} and {late.mean:.4f}, reduction 4"
    if len(seeds) == 1:
        return Part(says, measured, "undecided")
    verdict = "supported" if all(seeds) else "undecided" if any(seeds) else "not supported"
    return Part(says, f"{measured}, higher in {sum(seeds)} of {len(seeds)} seeds", verdict)


CLAIM = Claim(
    name="squeeze_excite",
    number=6,
    question="Does squeeze-and-excitation help at equal cost, and what do its gates do by depth?",
    source="Hu et al., 2018, https://arxiv.org/abs/1709.01507, sections 6.1 and 7.2",
    setting=f"{small_cifar10.SETTING}; residual networks of 14 layers, 3 epochs; the wider one has "
    "18 maps where others have 16",
    runs=RUNS,
    measures=MEASURES,
    answer=answer,
    draw=drawing.dots_of(MEASURES, "test_top1", "gates1", "gates3"),
    quick_model=STEM_AND_HEAD,
)

main = partial(command.main, CLAIM, __doc__)


if __name__ == "__main__":
    sys.exit(main())
