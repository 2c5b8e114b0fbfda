"""Are stacks of 3x3 convolutions better than a 5x5 or a 7x7, and what does depth need?

    python -m experiments.small_kernels --data-dir=DIR

The receptive field of a stage is the same, and so are its maps. Deeper stacks are asked with and
without BatchNorm, and with Glorot's weights in place of He's. The answer is in
experiments/RESULTS.md.
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
from experiments.form.claim import Asked, Claim, Part, compared
from experiments.form.measures import TEST_TOP1, TRAIN_LOSS, VAL_TOP1
from experiments.form.small_resnet import BASE
from experiments.form.table import Table
from jaxcnn.layers.conv import Conv
from jaxcnn.layers.head import head
from jaxcnn.layers.initializers import he_normal_fan_out
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.models import register_model
from jaxcnn.ops.pool import max_pool
from jaxcnn.recipe import Optim, with_model

KERNELS = {"he": he_normal_fan_out, "glorot": nn.initializers.glorot_uniform()}


@register_model("small_vgg", image_size=16)
class SmallVGG(nn.Module):
    """A 3x3, and two stages of 16 and 32 maps of `kernels`, one after the other; means, head."""

    num_classes: int
    kernels: tuple[int, ...] = (3, 3)
    batch_norm: bool = True
    weights: Literal["he", "glorot"] = "he"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        norm = partial(BatchNorm, use_running_average=not train, dtype=self.dtype)
        init = {"kernel_init": KERNELS[self.weights], "dtype": self.dtype}
        rows = [("stem", 16, 3)]
        rows += [(f"stage1_{j}", 16, kernel) for j, kernel in enumerate(self.kernels)]
        rows += [(f"stage2_{j}", 32, kernel) for j, kernel in enumerate(self.kernels)]
        x = images
        for name, width, kernel in rows:
            if name == "stage1_0":
                x = max_pool(x, 2)  # [N, 8, 8, 16]
            if name == "stage2_0":
                x = max_pool(x, 2)  # [N, 4, 4, 16]
            x = Conv(width, (kernel, kernel), name=name, **init)(x)
            if self.batch_norm:
                x = norm(name=f"{name}_bn")(x)
            x = nn.relu(x)
        return head(self, x.mean((1, 2)), self.num_classes, dtype=self.dtype)


VGG = replace(BASE, arch="small_vgg", epochs=4, optim=Optim("sgd", lr=0.05, weight_decay=5e-4))
DEEP = (3,) * 8
RUNS = {
    "one_5x5": with_model(VGG, kernels=(5,)),
    "two_3x3": with_model(VGG, kernels=(3, 3)),
    "one_7x7": with_model(VGG, kernels=(7,)),
    "three_3x3": with_model(VGG, kernels=(3, 3, 3)),
    "eight_3x3": with_model(VGG, kernels=DEEP),
    "three_bare": with_model(VGG, kernels=(3, 3, 3), batch_norm=False),
    "eight_bare": with_model(VGG, kernels=DEEP, batch_norm=False),
    "eight_bare_glorot": with_model(VGG, kernels=DEEP, batch_norm=False, weights="glorot"),
}
MEASURES = {"val_top1": VAL_TOP1, "test_top1": TEST_TOP1, "train_loss": TRAIN_LOSS}


def answer(table: Table) -> Sequence[Part]:
    by_top1 = [
        Asked("two 3x3 beat one 5x5", "two_3x3", "one_5x5", 0.01),
        Asked("three 3x3 beat one 7x7", "three_3x3", "one_7x7", 0.01),
        Asked("with BatchNorm 17 convolutions beat 7", "eight_3x3", "three_3x3", 0.01),
        Asked("without BatchNorm 17 convolutions beat 7", "eight_bare", "three_bare", 0.01),
        Asked("BatchNorm helps 17 convolutions", "eight_3x3", "eight_bare", 0.01),
        Asked("without BatchNorm, He's weights beat Glorot's at 17", "eight_bare",
              "eight_bare_glorot", 0.01),
    ]  # fmt: skip
    return compared(table, "test_top1", "test top-1", by_top1)


CLAIM = Claim(
    name="small_kernels",
    number=3,
    question="Are stacks of 3x3 convolutions better than larger kernels, and what does depth need?",
    source="Simonyan and Zisserman, 2015, https://arxiv.org/abs/1409.1556, section 2.3; BatchNorm: "
    "https://arxiv.org/abs/1502.03167",
    setting=f"{small_cifar10.SETTING}; stages of 16 and 32 maps on 8 x 8 and 4 x 4 positions; 4 "
    "epochs; a large kernel has more parameters than its stack",
    runs=RUNS,
    measures=MEASURES,
    answer=answer,
    draw=drawing.dots_of(MEASURES, "test_top1", "train_loss"),
    quick_model={"kernels": (3,)},
    decided_by="a longer training, and larger images, on which a 7x7 sees less than the whole",
)

main = partial(command.main, CLAIM, __doc__)


if __name__ == "__main__":
    sys.exit(main())
