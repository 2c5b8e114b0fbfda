"""Is global average pooling better than dense heads, and are strides better than pooling?

    python -m experiments.pooling --data-dir=DIR

One network, with each way to halve its maps and each way to its classes, tested on images as they
are and shifted. The answer is in experiments/RESULTS.md.
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
from jaxcnn.data.augment.crop import RandomCrop
from jaxcnn.evaluate.evaluation import evaluate_run
from jaxcnn.layers.conv import Conv
from jaxcnn.layers.dense import Dense
from jaxcnn.layers.head import head
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.models import register_model
from jaxcnn.ops.pool import avg_pool, max_pool
from jaxcnn.recipe import Augment, with_model

SHIFT_PIXELS = 3


@register_model("halving", image_size=16)
class Halving(nn.Module):
    """Three 3x3 convolutions, each of which ends in half of the positions; then a head."""

    num_classes: int
    down: Literal["stride", "max", "mean"] = "max"
    classifier: Literal["mean", "flat", "dense"] = "mean"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        norm = partial(BatchNorm, use_running_average=not train, dtype=self.dtype)
        x = images
        for i, width in enumerate((24, 48, 96), start=1):
            strides = 2 if self.down == "stride" else 1
            x = Conv(width, (3, 3), strides, dtype=self.dtype, name=f"conv{i}")(x)
            x = nn.relu(norm(name=f"bn{i}")(x))
            if self.down != "stride":
                x = max_pool(x, 2) if self.down == "max" else avg_pool(x, 2, 2)
        # [N, 96], or [N, 2 * 2 * 96].
        x = x.mean((1, 2)) if self.classifier == "mean" else x.reshape(x.shape[0], -1)
        if self.classifier == "dense":
            x = nn.relu(Dense(256, dtype=self.dtype, name="dense")(x))
        return head(self, x, self.num_classes, dtype=self.dtype)


# Without crops in training, which would hide what shifts do.
MAX = replace(BASE, arch="halving", epochs=5, augment=Augment(flip=True))
RUNS = {
    "max_mean": MAX,
    "max_flat": with_model(MAX, classifier="flat"),
    "max_dense": with_model(MAX, classifier="dense"),
    "mean_mean": with_model(MAX, down="mean"),
    "stride_mean": with_model(MAX, down="stride"),
}


def _shifted(run: Run) -> float:
    """By the recipe's size, as the network sees images."""
    shift = RandomCrop(small_cifar10.SIZE, SHIFT_PIXELS)
    return evaluate_run(run.folder, split="test", extra_transforms=(shift,))["top1"]


MEASURES = {
    "val_top1": VAL_TOP1,
    "test_top1": TEST_TOP1,
    "shifted": Measure(f"test top-1, shifted ≤ {SHIFT_PIXELS} px (fraction)", _shifted),
    "train_top1": TRAIN_TOP1,
}


def answer(table: Table) -> Sequence[Part]:
    asked = [
        Asked("the mean over positions beats a flat head", "max_mean", "max_flat", 0.01),
        Asked("the mean over positions beats dense layers", "max_mean", "max_dense", 0.01),
        Asked("max pooling beats strides", "max_mean", "stride_mean", 0.01),
        Asked("max pooling beats mean pooling", "max_mean", "mean_mean", 0.01),
    ]
    shifted = [replace(each, says=f"on shifted images {each.says}") for each in asked]
    return [
        *compared(table, "test_top1", "test top-1", asked),
        *compared(table, "shifted", f"test top-1, shifted ≤ {SHIFT_PIXELS} px", shifted),
    ]


CLAIM = Claim(
    name="pooling",
    number=20,
    question="Is the mean over positions better than dense heads, and pooling than strides?",
    source="Lin et al., 2014, https://arxiv.org/abs/1312.4400, section 3.2; Springenberg et al., "
    "2015, https://arxiv.org/abs/1412.6806",
    setting=f"{small_cifar10.SETTING}; three convolutions of 24, 48 and 96 maps; 5 epochs, mirror "
    "images alone; pooling networks compute four times what striding ones do",
    runs=RUNS,
    measures=MEASURES,
    answer=answer,
    draw=drawing.dots_of(MEASURES, "test_top1", "shifted"),
)

main = partial(command.main, CLAIM, __doc__)


if __name__ == "__main__":
    sys.exit(main())
