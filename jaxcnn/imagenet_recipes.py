"""Published recipes for ImageNet: what each source says, with where it says it.

A row's settings are the fields of `jaxcnn.recipe.Recipe`. Learning rates are those of the row's
batch size; for another batch, scale by the row's rule. docs/imagenet.md is made of these rows:
`python -m jaxcnn.imagenet_recipes`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Published:
    """One source's recipe.

    Attributes:
        arch: the architecture that the source trains with it.
        top1: percent, the source's own; not measured here.
        sources: where the settings and the figure stand.
        settings: fields of `Recipe`, groups as dictionaries.
        scaling: how the source scales the learning rate with the batch size.
        differs: what the source does otherwise than a run of this recipe here.
    """

    arch: str
    top1: float
    sources: tuple[str, ...]
    settings: Mapping[str, Any]
    scaling: str
    differs: str


TORCHVISION = "https://github.com/pytorch/vision/tree/main/references/classification"
RSB = (
    "https://arxiv.org/abs/2110.00476",
    "https://github.com/open-mmlab/mmpretrain/tree/main/configs/resnet",
)

_EVERY_THIRTY_OF_NINETY = (1 / 3, 2 / 3)
# Magnitudes of RandAugment are three times those of timm and big_vision, which count to 10.
_RSB_AUGMENT = {
    "flip": True,
    "policy": "randaugment",
    "magnitude": 21,
    "magnitude_std": 1.5,
    "mixup": 0.1,
    "cutmix": 1.0,
}
_RSB_A2 = {
    "epochs": 300,
    "batch_size": 2016,
    "precision": "bfloat16",
    "loss": "bce",
    "eval_crop": 0.95,
    "optim": {"name": "lamb", "lr": 5e-3, "weight_decay": 0.02},
    "schedule": {"name": "cosine", "warmup_epochs": 5.0},
    "augment": {**_RSB_AUGMENT, "repeats": 3},
    "model": {"drop_path_rate": 0.05},
}
# Of DeiT, in timm's words rand-m9-mstd0.5-inc1 (a count to 10); Swin and ConvNeXt took it over.
_DEIT_AUGMENT = {
    "flip": True,
    "policy": "randaugment",
    "magnitude": 27,
    "magnitude_std": 1.5,
    "erase_probability": 0.25,
    "mixup": 0.8,
    "cutmix": 1.0,
    "label_smoothing": 0.1,
}

PUBLISHED: Mapping[str, Published] = MappingProxyType(
    {
        "resnet50_90": Published(
            "resnet50",
            76.1,
            (f"{TORCHVISION}#resnet", "https://arxiv.org/abs/1706.02677"),
            {
                "epochs": 90,
                "batch_size": 1024,
                "optim": {"name": "sgd", "lr": 0.4, "weight_decay": 1e-4},
                "schedule": {
                    "name": "step",
                    "warmup_epochs": 5.0,
                    "milestones": _EVERY_THIRTY_OF_NINETY,
                },
                "augment": {"flip": True},
            },
            "0.1 for each 256 images",
            "torchvision's batch is 256 and has no warmup: the larger one, its rate and its warmup "
            "are Goyal et al.'s; statistics of BatchNorm are those of 32 images",
        ),
        "rsb_a1": Published(
            "resnet50",
            80.4,
            RSB,
            {
                **_RSB_A2,
                "epochs": 600,
                "optim": {"name": "lamb", "lr": 5e-3, "weight_decay": 0.01},
                "augment": {
                    **_RSB_AUGMENT,
                    "repeats": 3,
                    "mixup": 0.2,
                    "label_smoothing": 0.1,
                },
            },
            "not given",
            "the batch is 2048, which the three versions of an example do not divide; how "
            "smoothing and the threshold of mixed targets go together is not said",
        ),
        "rsb_a2": Published(
            "resnet50",
            79.8,
            RSB,
            _RSB_A2,
            "not given",
            "the batch is 2048, which the three versions of an example do not divide",
        ),
        "rsb_a3": Published(
            "resnet50",
            78.1,
            RSB,
            {
                **_RSB_A2,
                "epochs": 100,
                "batch_size": 2048,
                "image_size": 160,
                "eval_image_size": 224,
                "optim": {"name": "lamb", "lr": 8e-3, "weight_decay": 0.02},
                "augment": {**_RSB_AUGMENT, "magnitude": 18},
                "model": {},
            },
            "not given",
            "nothing known",
        ),
        "efficientnet_b0_ra": Published(
            "efficientnet_b0",
            77.7,
            ("https://huggingface.co/docs/timm/training_script",),
            {
                "epochs": 450,
                "batch_size": 768,
                "precision": "bfloat16",
                "optim": {
                    "name": "rmsprop",
                    "lr": 0.048,
                    "weight_decay": 1e-5,
                    "ema_decay": 0.9999,
                },
                # 0.97 every 2.4 epochs: 187.5 times in 450.
                "schedule": {"name": "exponential", "warmup_epochs": 3.0, "factor": 0.97**187.5},
                "augment": {
                    "flip": True,
                    "policy": "randaugment",
                    "magnitude": 27,
                    "magnitude_std": 1.5,
                    "erase_probability": 0.2,
                },
                "model": {"drop_rate": 0.2, "drop_path_rate": 0.2},
            },
            "linear",
            "steps down every 2.4 epochs instead of evenly; RMSprop as TensorFlow has it; "
            "statistics of BatchNorm are those of 384 images",
        ),
        "convnext_tiny_300": Published(
            "convnext_tiny",
            82.1,
            (
                "https://arxiv.org/abs/2201.03545",
                "https://github.com/facebookresearch/ConvNeXt/blob/main/TRAINING.md",
            ),
            {
                "epochs": 300,
                "batch_size": 4096,
                "optim": {
                    "name": "adamw",
                    "lr": 4e-3,
                    "weight_decay": 0.05,
                    "ema_decay": 0.9999,
                },
                "schedule": {"name": "cosine", "warmup_epochs": 20.0},
                "augment": _DEIT_AUGMENT,
                "model": {"drop_path_rate": 0.1},
            },
            "not given",
            "the rate ends at 1e-6 instead of 0",
        ),
        "vit_small_90": Published(
            "vit_small_patch16_224",
            76.5,
            (
                "https://arxiv.org/abs/2205.01580",
                "https://github.com/google-research/big_vision/blob/main/big_vision/configs/"
                "vit_s16_i1k.py",
            ),
            {
                "epochs": 90,
                "batch_size": 1024,
                "optim": {
                    "name": "adamw",
                    "lr": 1e-3,
                    # Theirs, 1e-4, is not multiplied by the peak rate.
                    "weight_decay": 0.1,
                    "clip_norm": 1.0,
                    "momentum_dtype": "bfloat16",
                },
                # 10,000 steps.
                "schedule": {"name": "cosine", "warmup_epochs": 8.0},
                "augment": {
                    "flip": True,
                    "policy": "randaugment",
                    "num_ops": 2,
                    "magnitude": 30,
                    "mixup": 0.2,
                },
            },
            "not given",
            "the mean of the patches in place of the class token, fixed sine and cosine positions, "
            "a tanh layer before the head, images normalised to -1..1",
        ),
        "swin_tiny_300": Published(
            "swin_tiny_patch4_window7_224",
            81.3,
            (
                "https://arxiv.org/abs/2103.14030",
                "https://github.com/microsoft/Swin-Transformer/blob/main/config.py",
            ),
            {
                "epochs": 300,
                "batch_size": 1024,
                "precision": "bfloat16",
                "optim": {
                    "name": "adamw",
                    "lr": 1e-3,
                    "weight_decay": 0.05,
                    "clip_norm": 5.0,
                },
                "schedule": {"name": "cosine", "warmup_epochs": 20.0},
                "augment": _DEIT_AUGMENT,
                "model": {"drop_path_rate": 0.2},
            },
            "5e-4 for each 512 images",
            "the rate starts at 5e-7 and ends at 5e-6, scaled alike, instead of 0",
        ),
        "vgg16_90": Published(
            "vgg16",
            71.6,
            (f"{TORCHVISION}#alexnet-and-vgg",),
            {
                "epochs": 90,
                "batch_size": 256,
                "optim": {"name": "sgd", "lr": 0.01, "weight_decay": 1e-4},
                "schedule": {"name": "step", "milestones": _EVERY_THIRTY_OF_NINETY},
                "augment": {"flip": True},
            },
            "not given",
            "plain momentum in place of Nesterov's; biases decay too",
        ),
        "densenet121_90": Published(
            "densenet121",
            74.4,
            (
                "https://arxiv.org/abs/1608.06993",
                "https://docs.pytorch.org/vision/stable/models/generated/"
                "torchvision.models.densenet121.html",
            ),
            {
                "epochs": 90,
                "batch_size": 256,
                "optim": {"name": "sgd", "lr": 0.1, "weight_decay": 1e-4},
                "schedule": {"name": "step", "milestones": _EVERY_THIRTY_OF_NINETY},
                "augment": {"flip": True},
            },
            "not given",
            "colours are jittered and lighted as fb.resnet.torch has it; the scales and biases of "
            "BatchNorm decay too",
        ),
    }
)

# What an architecture is trained with on ImageNet where no recipe is named.
DEFAULT_FOR: Mapping[str, str] = MappingProxyType(
    {
        published.arch: name
        for name, published in PUBLISHED.items()
        if name not in ("rsb_a1", "rsb_a2", "rsb_a3")
    }
)

_GROUPS = ("optim", "schedule", "augment", "model")


def table() -> str:
    """The rows in Markdown, for docs/imagenet.md; settings as the flags that would give them."""
    lines = []
    for name, row in PUBLISHED.items():
        urls = ", ".join(f"<{url}>" for url in row.sources)
        lines += [
            f"### {name}",
            "",
            f"{row.arch}, {row.top1} % top-1 by the source: {urls}",
            "",
            "    " + " ".join(_flags(row.settings)),
            "",
            f"Rate and batch: {row.scaling}. Other than here: {row.differs}.",
            "",
        ]
    return "\n".join(lines)


def _flags(settings: Mapping[str, Any], prefix: str = "") -> list[str]:
    flags = []
    for name, value in settings.items():
        flag = prefix + name.replace("_", "-")
        if name in _GROUPS:
            flags += _flags(value, f"{flag}.")
        elif value is True:
            flags.append(f"--{flag}")
        elif isinstance(value, tuple):
            flags.append(f"--{flag} " + " ".join(f"{part:.4g}" for part in value))
        else:
            shown = f"{value:.4g}" if isinstance(value, float) else value
            flags.append(f"--{flag}={shown}")
    return flags


if __name__ == "__main__":
    print(table())
