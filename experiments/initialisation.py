"""At which depth does a network without normalisation die, by its initial weights?

    python -m experiments.initialisation --data-dir=DIR

Plain stacks of 3x3 convolutions with ReLU, and one with shortcuts and weights as Fixup has them.
The answer is in experiments/RESULTS.md.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn
from matplotlib.figure import Figure

from experiments.form import command, drawing, small_cifar10
from experiments.form.claim import Asked, Claim, Part, compared
from experiments.form.measures import TEST_TOP1, TRAIN_LOSS, TRAIN_TOP1, VAL_TOP1
from experiments.form.small_resnet import BASE
from experiments.form.table import Table
from jaxcnn.layers.conv import Conv
from jaxcnn.layers.head import head
from jaxcnn.layers.initializers import he_normal_fan_in
from jaxcnn.models import register_model
from jaxcnn.models.lenet import uniform_fan_in
from jaxcnn.recipe import Optim, Schedule, with_model

DEPTHS = (5, 15, 31)
ALIVE = 0.15  # Training top-1; of ten classes chance gives 0.10.
KERNELS = {
    "glorot": nn.initializers.glorot_uniform(),
    "he": he_normal_fan_in,
    "lecun1989": uniform_fan_in,
}


@register_model("stack", image_size=16)
class Stack(nn.Module):
    """A convolution that strides, `layers` - 1 more of 16 maps, mean over pixels, head."""

    num_classes: int
    layers: int = 5
    weights: Literal["glorot", "he", "lecun1989", "fixup"] = "he"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        conv = partial(Conv, 16, (3, 3), dtype=self.dtype)
        kernel = KERNELS.get(self.weights, he_normal_fan_in)
        x = nn.relu(conv(strides=2, kernel_init=kernel, name="conv1")(images))
        if self.weights == "fixup":
            x = self.blocks(x, conv)
        else:
            for i in range(2, self.layers + 1):
                x = nn.relu(conv(kernel_init=kernel, name=f"conv{i}")(x))
        return head(self, x.mean((1, 2)), self.num_classes, dtype=self.dtype)

    def blocks(self, x: jax.Array, conv: Any) -> jax.Array:
        """Residual ones of two convolutions, the first as He's over the root of their number, the
        second zero (Zhang et al., 2019, section 3, without its scalars)."""
        number = (self.layers - 1) // 2
        first = nn.initializers.variance_scaling(2.0 / number, "fan_in", "normal")
        for i in range(number):
            y = nn.relu(conv(kernel_init=first, name=f"block{i}_conv1")(x))
            y = conv(kernel_init=nn.initializers.zeros, name=f"block{i}_conv2")(y)
            x = nn.relu(x + y)
        return x


STACK = replace(
    BASE,
    arch="stack",
    epochs=2,
    optim=Optim("sgd", lr=0.02, weight_decay=5e-4, clip_norm=1.0),
    schedule=Schedule("cosine"),
)
INITS = (*KERNELS, "fixup")
RUNS = {
    f"{init}_{layers}": with_model(STACK, weights=init, layers=layers)
    for init in INITS
    for layers in DEPTHS
}
MEASURES = {
    "train_top1": TRAIN_TOP1,
    "train_loss": TRAIN_LOSS,
    "val_top1": VAL_TOP1,
    "test_top1": TEST_TOP1,
}


def answer(table: Table) -> Sequence[Part]:
    deepest = DEPTHS[-1]
    asked = [
        Asked(f"{better} trains {deepest} layers better than {worse}", f"{better}_{deepest}",
              f"{worse}_{deepest}", 0.02)
        for better, worse in (("he", "lecun1989"), ("he", "glorot"), ("fixup", "he"))
    ]  # fmt: skip
    parts = compared(table, "train_top1", "training top-1", asked)
    if len(table.seeds) > 1:
        parts += [_dies(table, init) for init in INITS]
    return parts


def _dies(table: Table, init: str) -> Part:
    """Dead are networks of which no seed learns, alive those of which all do."""
    learned = {
        layers: [value > ALIVE for value in table.estimate(f"{init}_{layers}", "train_top1").values]
        for layers in DEPTHS
    }
    told = ", ".join(f"{sum(alive)} of {len(alive)} at {n}" for n, alive in learned.items())
    dead = any(not any(alive) for alive in learned.values())
    every = all(all(alive) for alive in learned.values())
    return Part(
        f"{init} dies at some depth up to {DEPTHS[-1]} layers",
        f"seeds that learn: {told}",
        "supported" if dead else "not supported" if every else "undecided",
    )


def draw(table: Table, figure: Figure) -> None:
    series = {init: [(layers, f"{init}_{layers}") for layers in DEPTHS] for init in INITS}
    shown = {name: MEASURES[name] for name in ("train_top1", "train_loss")}
    drawing.lines(table, figure, shown, series, "layers", xticks=DEPTHS)


CLAIM = Claim(
    name="initialisation",
    number=19,
    question="At which depth does a network without normalisation die, by its initial weights?",
    source="LeCun et al., 1989; Glorot and Bengio, 2010, "
    "https://proceedings.mlr.press/v9/glorot10a; He et al., 2015, "
    "https://arxiv.org/abs/1502.01852; Zhang et al., 2019, https://arxiv.org/abs/1901.09321",
    setting=f"{small_cifar10.SETTING}; convolutions of 16 maps on 8 x 8 positions; 2 epochs of SGD "
    f"at 0.02, gradients clipped to norm 1; a network learns where its training top-1 is above "
    f"{ALIVE}",
    runs=RUNS,
    measures=MEASURES,
    answer=answer,
    draw=draw,
    quick_model={"layers": 3},
    decided_by="a longer training, and a rate tuned for each",
)

main = partial(command.main, CLAIM, __doc__)


if __name__ == "__main__":
    sys.exit(main())
