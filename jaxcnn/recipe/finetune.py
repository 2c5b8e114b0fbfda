"""Fine-tuning: what a run that starts from published weights does where no flag says otherwise.

The sources' rates are for batches of 512 and stay for smaller ones: a mean over fewer images is
noisier, not smaller. Augmentation is a flip and a random crop; more is for training from scratch.
"""

import math
from dataclasses import dataclass
from fnmatch import fnmatchcase

from jaxcnn.recipe.fields import Optim


@dataclass(frozen=True)
class Tuning:
    """How a family is fine-tuned.

    Attributes:
        optim: rate, decay and layer decay.
        label_smoothing: see `Augment`.
        mixup: see `Augment`; of sets that are large enough.
        sources: where that stands.
    """

    optim: Optim
    label_smoothing: float = 0.0
    mixup: float = 0.0
    sources: tuple[str, ...] = ()


BIT = "https://arxiv.org/abs/1912.11370"
BIG_VISION = (
    "https://github.com/google-research/big_vision/blob/"
    "0127fb6b337ee2a27bf4e54dea79cff176527356/big_vision/configs/transfer.py"
)

# (architecture pattern, tuning); the first row that fits counts.
TUNING: tuple[tuple[str, Tuning], ...] = (
    (
        "vit*",
        Tuning(
            # Its rate for CIFAR-10, Pets and Flowers; CIFAR-100 has 0.01, ImageNet 0.03.
            Optim("sgd", lr=3e-3, nesterov=False, weight_decay=0.0, clip_norm=1.0),
            sources=("https://arxiv.org/abs/2010.11929", BIG_VISION),
        ),
    ),
    (
        "swin*",
        Tuning(
            Optim("adamw", lr=2e-5, weight_decay=1e-8, clip_norm=5.0),
            label_smoothing=0.1,
            sources=(
                "https://github.com/microsoft/Swin-Transformer/blob/"
                "f82860bfb5225915aca09c3227159ee9e1df874d/configs/swin/"
                "swin_base_patch4_window7_224_22kto1k_finetune.yaml",
            ),
        ),
    ),
    (
        "convnext*",
        Tuning(
            # 0.8 there, over 13 layers from the stem to the head, which leaves the stem 0.055; as
            # timm counts, and `LayerOrder`, there are 18 to 36, of which 0.9 leaves 0.15 to 0.023.
            Optim("adamw", lr=5e-5, weight_decay=1e-8, layer_decay=0.9),
            label_smoothing=0.1,
            sources=(
                "https://github.com/facebookresearch/ConvNeXt/blob/"
                "048efcea897d999aed302f2639b6270aedf8d4c8/TRAINING.md",
            ),
        ),
    ),
    (
        "*",
        Tuning(
            # The sources' SGD, at 0.01, had 10 of 12 pictures right in validation and 20 of 29 in
            # the test; this, for 30 epochs, 11 and 24 (efficientnet_lite0's weights, 147
            # photographs of 6 kinds of thing, one seed each). The lengths are the sources'.
            Optim("adamw", lr=3e-4, weight_decay=5e-2, ema_decay=0.99),
            label_smoothing=0.1,
            mixup=0.1,
            sources=(BIT, BIG_VISION),
        ),
    ),
)


@dataclass(frozen=True)
class Length:
    """How long a set is trained on: BiT's HyperRule, but its batches of 512 only for large sets.

    Attributes:
        most_images: the training images that are one too many for it.
        batch_size: at the most.
        steps: of the optimiser.
        warmup: the share of them in which the rate grows: big_vision's 100 and 500 steps.
        mixes: whether images are mixed, where the family's are.
    """

    most_images: float
    batch_size: int
    steps: int
    warmup: float
    mixes: bool = True


LENGTHS = (
    Length(20_000, batch_size=64, steps=500, warmup=0.2, mixes=False),
    Length(500_000, batch_size=128, steps=10_000, warmup=0.05),
    Length(math.inf, batch_size=512, steps=20_000, warmup=0.025),
)


# Smaller batches tell too little of the mean and variance that batch normalisation takes of them
# (Wu and He, 2018, https://arxiv.org/abs/1803.08494, figure 1): there those of the weights stay, as
# detection, of an image or two a device, has it. Of 80 pictures, in batches of 8, docs/runs.md has
# what was measured.
LEAST_BATCH_FOR_NORMS = 16

# Of a set whose images are not counted: ConvNeXt's and Swin's.
UNCOUNTED_EPOCHS = 30


def tuning_of(arch: str) -> Tuning:
    return next(tuning for pattern, tuning in TUNING if fnmatchcase(arch, pattern))


def length_of(num_train: int | None) -> Length:
    """The row for so many training images; that of few where they are not counted."""
    return next(length for length in LENGTHS if (num_train or 0) < length.most_images)
