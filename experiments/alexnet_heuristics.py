"""Which of AlexNet's heuristics help, one by one?

    python -m experiments.alexnet_heuristics --data-dir=DIR

A network of AlexNet's plan in small is trained with all of them, and without each. How fast ReLU,
tanh and LeNet's scaled tanh learn is asked without dropout and augmentation, as in the paper's
figure 1. The answer is in experiments/RESULTS.md.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from experiments.form import command, drawing, small_cifar10
from experiments.form.claim import Asked, Claim, Measure, Part, Run, compared
from experiments.form.measures import TEST_TOP1, TRAIN_TOP1, VAL_TOP1
from experiments.form.small_resnet import BASE
from experiments.form.table import Table
from jaxcnn.layers.conv import Conv
from jaxcnn.layers.dense import Dense
from jaxcnn.layers.dropout import Dropout
from jaxcnn.layers.head import head
from jaxcnn.layers.lrn import LocalResponseNorm
from jaxcnn.models import register_model
from jaxcnn.models.lenet import scaled_tanh
from jaxcnn.ops.pool import max_pool
from jaxcnn.recipe import Augment, Optim, Recipe, Schedule, with_model
from jaxcnn.run.folder import RunFolder

ACTIVATIONS = {"relu": nn.relu, "tanh": jnp.tanh, "scaled_tanh": scaled_tanh}
LEARNED = 0.75  # Training top-1 that the paper's figure 1 counts epochs to.


@register_model("small_alexnet", image_size=16)
class SmallAlexNet(nn.Module):
    """Three convolutions with poolings, response normalisation after two, two dense layers."""

    num_classes: int
    activation: Literal["relu", "tanh", "scaled_tanh"] = "relu"
    normalize: bool = True
    overlap: bool = True
    drop_rate: float = 0.5
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        act = ACTIVATIONS[self.activation]
        x = images
        for i, (width, kernel) in enumerate(((16, 5), (32, 3), (32, 3)), start=1):
            x = act(Conv(width, (kernel, kernel), dtype=self.dtype, name=f"conv{i}")(x))
            if self.normalize and i < 3:
                x = LocalResponseNorm()(x)
            # Windows of 3 with stride 2 overlap; both leave half of the positions.
            x = max_pool(x, 3, 2, ((0, 1), (0, 1))) if self.overlap else max_pool(x, 2, 2)
        x = x.reshape(x.shape[0], -1)  # [N, 2 * 2 * 32]
        x = Dropout(self.drop_rate, deterministic=not train)(x)
        x = act(Dense(128, dtype=self.dtype, name="dense")(x))
        x = Dropout(self.drop_rate, deterministic=not train)(x)
        return head(self, x, self.num_classes, dtype=self.dtype)


ALL = replace(
    BASE,
    arch="small_alexnet",
    epochs=5,
    optim=Optim("sgd", lr=0.02, weight_decay=5e-4),
    schedule=Schedule("cosine"),
)


def _fast(activation: str) -> Recipe:
    bare = replace(ALL, epochs=10, augment=Augment(), schedule=Schedule("constant"))
    return with_model(bare, activation=activation, drop_rate=0.0, normalize=False)


RUNS = {
    "all": ALL,
    "no_lrn": with_model(ALL, normalize=False),
    "no_overlap": with_model(ALL, overlap=False),
    "no_dropout": with_model(ALL, drop_rate=0.0),
    "no_augmentation": replace(ALL, augment=Augment()),
    "tanh": with_model(ALL, activation="tanh"),
    "fast_relu": _fast("relu"),
    "fast_tanh": _fast("tanh"),
    "fast_scaled_tanh": _fast("scaled_tanh"),
}


def _epochs_to_learn(run: Run) -> float:
    """Until the training top-1 of an epoch is LEARNED, between epochs by a line; the run's length
    where it is never."""
    epoch, before = 0, 0.0
    for line in RunFolder(run.folder).read_metrics():
        if (now := line["train_top1"]) >= LEARNED:
            return epoch + (LEARNED - before) / (now - before)
        epoch, before = line["epoch"], now
    return float(epoch)


MEASURES = {
    "val_top1": VAL_TOP1,
    "test_top1": TEST_TOP1,
    "train_top1": TRAIN_TOP1,
    "epochs": Measure(f"epochs to a training top-1 of {LEARNED}", _epochs_to_learn, digits=2),
}


def answer(table: Table) -> Sequence[Part]:
    by_epochs = [
        Asked("ReLU learns in fewer epochs than tanh", "fast_relu", "fast_tanh", 0.5, above=False),
        Asked(
            "ReLU learns in fewer epochs than scaled tanh",
            "fast_relu",
            "fast_scaled_tanh",
            0.5,
            above=False,
        ),
    ]
    without = {
        "tanh": "ReLU tests better than tanh",
        "no_lrn": "response normalisation helps",
        "no_overlap": "overlapping pooling helps",
        "no_dropout": "dropout helps",
        "no_augmentation": "augmentation helps",
    }
    by_top1 = [Asked(says, "all", run, 0.005) for run, says in without.items()]
    return [
        *compared(table, "epochs", f"epochs to {LEARNED}", by_epochs, 2),
        *compared(table, "test_top1", "test top-1", by_top1),
    ]


CLAIM = Claim(
    name="alexnet_heuristics",
    number=2,
    question="Which of AlexNet's heuristics help, one by one?",
    source="Krizhevsky et al., 2012, "
    "https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-"
    "networks, sections 3 and 4 and figure 1",
    setting=f"{small_cifar10.SETTING}; three convolutions and two dense layers; 5 epochs, and 10 "
    "at a constant rate for the activations alone; a run that never learns counts its length",
    runs=RUNS,
    measures=MEASURES,
    answer=answer,
    draw=drawing.dots_of(MEASURES, "test_top1", "epochs"),
    decided_by="the paper's width, at which dropout has something to hold back",
)

main = partial(command.main, CLAIM, __doc__)


if __name__ == "__main__":
    sys.exit(main())
