"""Do Vision Transformers need more data than convolutional networks?

    python -m experiments.little_data --data-dir=DIR

Both learn from a tenth of the images and from all, for as many steps; and the transformer from all
with smaller patches, without augmentation, and with a convolutional stem. The answer is in
experiments/RESULTS.md.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from experiments.form import command, drawing, small_cifar10
from experiments.form.claim import Asked, Claim, Part, compared
from experiments.form.measures import TEST_TOP1, TRAIN_TOP1, VAL_TOP1
from experiments.form.small_resnet import BASE
from experiments.form.table import Table
from jaxcnn.data import register_dataset
from jaxcnn.data.spec import ArraySource, DataDir
from jaxcnn.layers.conv import Conv
from jaxcnn.layers.initializers import he_normal_fan_in
from jaxcnn.models import register_model
from jaxcnn.models.vit import VisionTransformer
from jaxcnn.recipe import Augment, Model, Optim, Schedule, with_model

FEW = small_cifar10.TRAIN // 10


@cache
def _load(split: str, data_dir: DataDir = None) -> ArraySource:
    whole = small_cifar10.load(split, data_dir)
    if split != "train":
        return whole
    return ArraySource(whole.images[:FEW], whole.labels[:FEW], whole.version)


FEW_IMAGES = register_dataset(
    replace(small_cifar10.small_cifar10("cifar10_16px_few"), load=_load, num_train=FEW)
)


@register_model("vit_after_convolution", image_size=16)
class AfterConvolution(nn.Module):
    """The transformer below on maps of half the size that a 3x3 convolution makes, with patches of
    half the side: as many tokens (Xiao et al., 2021, https://arxiv.org/abs/2106.14881)."""

    num_classes: int
    image_size: int = 16
    depth: int = 4
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        x = nn.relu(Conv(32, (3, 3), 2, kernel_init=he_normal_fan_in, name="stem")(images))
        vit = VisionTransformer(
            self.num_classes,
            patch=2,
            width=64,
            depth=self.depth,
            heads=4,
            image_size=self.image_size // 2,
            pool="gap",
            name="vit",
        )
        return vit(x, train=train)


CNN = replace(BASE, steps=300)
VIT = with_model(
    replace(
        CNN,
        arch="vit_tiny_patch16_224",
        optim=Optim("adamw", lr=2e-3, weight_decay=5e-2),
        schedule=Schedule("cosine", warmup_epochs=0.5),
        model=Model(patch=4, pool="gap"),
    ),
    width=64,
    depth=4,
    heads=4,
)
RUNS = {
    "cnn_few": replace(CNN, dataset=FEW_IMAGES.name),
    "cnn_all": CNN,
    "vit_few": replace(VIT, dataset=FEW_IMAGES.name),
    "vit_all": VIT,
    "vit_all_bare": replace(VIT, augment=Augment()),
    "vit_all_patch2": with_model(VIT, patch=2),
    "vit_all_stem": replace(VIT, arch="vit_after_convolution", model=Model()),
}
MEASURES = {"val_top1": VAL_TOP1, "test_top1": TEST_TOP1, "train_top1": TRAIN_TOP1}


def answer(table: Table) -> Sequence[Part]:
    asked = [
        Asked(f"of {FEW:,} images the convolutional network learns more", "cnn_few", "vit_few",
              0.01),
        Asked(f"of {small_cifar10.TRAIN:,} images the transformer learns more", "vit_all",
              "cnn_all", 0.01),
        Asked("augmentation helps the transformer", "vit_all", "vit_all_bare", 0.01),
        Asked("patches of 2 pixels are better than of 4", "vit_all_patch2", "vit_all", 0.01),
        Asked("a convolutional stem helps the transformer", "vit_all_stem", "vit_all", 0.01),
    ]  # fmt: skip
    return compared(table, "test_top1", "test top-1", asked)


CLAIM = Claim(
    name="little_data",
    number=10,
    question="Do Vision Transformers need more data than convolutional networks?",
    source="Dosovitskiy et al., 2021, https://arxiv.org/abs/2010.11929, section 4.3; stem: "
    "https://arxiv.org/abs/2106.14881",
    setting=f"{small_cifar10.SETTING}, or the first {FEW:,} training images; a ResNet of 8 layers "
    "by SGD, a transformer of 4 blocks and 64 channels by AdamW, neither rate tuned here; 300 "
    "steps of 128 images for all",
    runs=RUNS,
    measures=MEASURES,
    answer=answer,
    draw=drawing.dots_of(MEASURES, "test_top1", "train_top1"),
    decided_by="millions of images, from which on the paper finds transformers ahead",
)

main = partial(command.main, CLAIM, __doc__)


if __name__ == "__main__":
    sys.exit(main())
