"""Which of ConvNeXt's steps from a ResNet help?

    python -m experiments.convnext_steps --data-dir=DIR

Each run has one step more than the one before it, as the paper's figure 2 has them; widths are such
that the arithmetic stays about the same. The answer is in experiments/RESULTS.md.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from experiments.form import command, drawing, small_cifar10
from experiments.form.claim import Asked, Claim, Part, compared
from experiments.form.measures import MACS, TEST_TOP1, TRAIN_LOSS, VAL_TOP1
from experiments.form.small_resnet import BASE
from experiments.form.table import Table
from jaxcnn.layers.conv import Conv
from jaxcnn.layers.head import head
from jaxcnn.layers.initializers import he_normal_fan_out
from jaxcnn.layers.normalize import BatchNorm, LayerNorm
from jaxcnn.models import register_model
from jaxcnn.recipe import Optim, with_model

# By step, the channels of the first stage.
WIDTHS = {
    "resnet": 48,
    "patchify": 48,
    "depthwise": 38,
    "inverted_bottleneck": 20,
    "large_kernel": 20,
    "gelu": 20,
    "fewer_activations": 20,
    "fewer_norms": 20,
    "layer_norm": 20,
}
STEPS = tuple(WIDTHS)
KERNEL = 5  # Pixels; the paper's 7 of maps of 56 to 7 pixels, here they have 8 to 2.


@register_model("towards_convnext", image_size=16)
class TowardsConvNeXt(nn.Module):
    """A stem, three stages of two residual blocks with a strided convolution between, mean, head.

    `last` is the step up to which the network has been changed.
    """

    num_classes: int
    last: str = STEPS[-1]
    width: int = WIDTHS[STEPS[-1]]
    blocks: int = 2
    dtype: Any = jnp.float32

    def has(self, step: str) -> bool:
        return STEPS.index(step) <= STEPS.index(self.last)

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        conv = partial(Conv, use_bias=False, kernel_init=he_normal_fan_out, dtype=self.dtype)
        batch_norm = partial(BatchNorm, use_running_average=not train, dtype=self.dtype)
        norm = partial(LayerNorm, dtype=self.dtype) if self.has("layer_norm") else batch_norm
        kernel = 2 if self.has("patchify") else 3
        x = norm(name="stem_norm")(conv(self.width, (kernel, kernel), 2, name="stem")(images))
        for i in range(3):
            width = self.width * 2**i
            if i:
                x = norm(name=f"down{i}_norm")(conv(width, (2, 2), 2, name=f"down{i}")(x))
            for j in range(self.blocks):
                x = self.block(x, width, conv, norm, f"block{i}_{j}")
        return head(self, x.mean((1, 2)), self.num_classes, dtype=self.dtype)

    def block(self, x: jax.Array, width: int, conv: Any, norm: Any, name: str) -> jax.Array:
        act = nn.gelu if self.has("gelu") else nn.relu
        inner = width // 4
        if self.has("depthwise"):
            inner = 4 * width if self.has("inverted_bottleneck") else width
        side = KERNEL if self.has("large_kernel") else 3
        # It moves up to where there are fewer channels (section 2.5).
        spatial_width = width if self.has("large_kernel") else inner
        groups = spatial_width if self.has("depthwise") else 1
        spatial = conv(
            spatial_width, (side, side), feature_group_count=groups, name=f"{name}_spatial"
        )
        narrow_to_wide = conv(inner, (1, 1), name=f"{name}_in")
        out = conv(width, (1, 1), name=f"{name}_out")
        order = [narrow_to_wide, spatial, out]
        if self.has("large_kernel"):
            order = [spatial, narrow_to_wide, out]
        y = x
        for number, layer in enumerate(order):
            y = layer(y)
            if layer is spatial or not self.has("fewer_norms"):
                y = norm(name=f"{name}_norm{number}")(y)
            # With few activations, the one between the two 1x1.
            follows = layer is narrow_to_wide if self.has("fewer_activations") else layer is not out
            y = act(y) if follows else y
        return x + y if self.has("fewer_activations") else act(x + y)


PLAN = replace(
    BASE, arch="towards_convnext", epochs=3, optim=Optim("adamw", lr=4e-3, weight_decay=5e-2)
)
RUNS = {step: with_model(PLAN, last=step, width=width) for step, width in WIDTHS.items()}
MEASURES = {
    "val_top1": VAL_TOP1,
    "test_top1": TEST_TOP1,
    "train_loss": TRAIN_LOSS,
    "mmacs": MACS,
}


def answer(table: Table) -> Sequence[Part]:
    asked = [
        Asked(f"{after.replace('_', ' ')} helps", after, before, 0.01)
        for before, after in pairwise(STEPS)
    ]
    whole = Asked("all steps together help", STEPS[-1], STEPS[0], 0.01)
    return compared(table, "test_top1", "test top-1", [whole, *asked])


CLAIM = Claim(
    name="convnext_steps",
    number=9,
    question="Which of ConvNeXt's steps from a ResNet help?",
    source="Liu et al., 2022, https://arxiv.org/abs/2201.03545, section 2 and figure 2",
    setting=f"{small_cifar10.SETTING}; three stages of two blocks on 8, 4 and 2 pixels; AdamW, 3 "
    f"epochs; kernels of {KERNEL} pixels for the paper's 7",
    runs=RUNS,
    measures=MEASURES,
    answer=answer,
    draw=drawing.dots_of(MEASURES, "test_top1", "mmacs"),
    quick_model={"blocks": 1},
    decided_by="the paper's 300 epochs with its augmentation, at sizes whose maps are larger than "
    "the kernels",
)

main = partial(command.main, CLAIM, __doc__)


if __name__ == "__main__":
    sys.exit(main())
