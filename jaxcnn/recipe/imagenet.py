"""Published recipes for ImageNet: what each source says, with where it says it.

A row's settings are the fields of `jaxcnn.recipe.Recipe`. Learning rates are those of the row's
batch size; for another batch, scale by the row's rule. docs/imagenet.md is made of these rows:
`python -m jaxcnn.recipe.imagenet`.
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
_TORCHVISION_SGD = {"name": "sgd", "nesterov": False, "weight_decay": 1e-4, "decay": "all"}
_RSB_AUGMENT = {
    "flip": True,
    "policy": "rand-m7-mstd0.5-inc1",
    "mixup": 0.1,
    "cutmix": 1.0,
}
# Of the rows that crop by timm's or DeiT's scripts.
_BICUBIC = "training crops and the policy's warps are bicubic"
_RSB_A2 = {
    "epochs": 300,
    "batch_size": 2016,
    "precision": "bfloat16",
    "loss": "bce",
    "bce_threshold": 0.2,
    "eval_crop": 0.95,
    "optim": {"name": "lamb", "lr": 5e-3, "weight_decay": 0.02},
    "schedule": {"name": "cosine", "warmup_epochs": 5.0, "warmup_lr": 5e-7, "min_lr": 1e-6},
    "augment": {**_RSB_AUGMENT, "repeats": 3},
    "model": {"drop_path_rate": 0.05},
}
# Of DeiT; Swin and ConvNeXt took it over.
_DEIT_AUGMENT = {
    "flip": True,
    "policy": "rand-m9-mstd0.5-inc1",
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
            (f"{TORCHVISION}#resnet",),
            {
                "epochs": 90,
                "batch_size": 256,
                "optim": {"lr": 0.1, **_TORCHVISION_SGD},
                "schedule": {"name": "step", "milestones": _EVERY_THIRTY_OF_NINETY},
                "augment": {"flip": True},
            },
            "linear",
            "statistics of BatchNorm are those of 32 images",
        ),
        "resnet50_goyal_90": Published(
            "resnet50",
            76.3,
            ("https://arxiv.org/abs/1706.02677",),
            {
                "epochs": 90,
                "batch_size": 8192,
                "optim": {"name": "sgd", "lr": 3.2, "weight_decay": 1e-4},
                "schedule": {
                    "name": "step",
                    "warmup_epochs": 5.0,
                    "warmup_lr": 0.1,
                    "milestones": (30 / 90, 60 / 90, 80 / 90),
                },
                "augment": {"flip": True},
            },
            "0.1 for each 256 images",
            "statistics of BatchNorm are those of 32 images",
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
            "the batch is 2048, which the three versions of an example do not divide; the second "
            "source takes the shares of a mixture as they are, and does not smooth; " + _BICUBIC,
        ),
        "rsb_a2": Published(
            "resnet50",
            79.8,
            RSB,
            _RSB_A2,
            "not given",
            "the batch is 2048, which the three versions of an example do not divide; the second "
            "source takes the shares of a mixture as they are; " + _BICUBIC,
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
                "schedule": {**_RSB_A2["schedule"], "warmup_lr": 8e-7},
                "augment": {**_RSB_AUGMENT, "policy": "rand-m6-mstd0.5-inc1"},
                "model": {},
            },
            "not given",
            "the second source takes the shares of a mixture as they are; " + _BICUBIC,
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
                    "ema_warmup": False,
                },
                # 0.97 every 2.4 epochs: 187.5 times in 450.
                "schedule": {
                    "name": "exponential",
                    "warmup_epochs": 3.0,
                    "warmup_lr": 1e-6,
                    "factor": 0.97**187.5,
                },
                "augment": {
                    "flip": True,
                    "policy": "rand-m9-mstd0.5",
                    "erase_probability": 0.2,
                    # The script's default, as warmup_epochs above.
                    "label_smoothing": 0.1,
                },
                "model": {"drop_rate": 0.2, "drop_path_rate": 0.2},
            },
            "linear",
            "steps down every 2.4 epochs instead of evenly; RMSprop as TensorFlow has it; "
            "statistics of BatchNorm are those of 384 images; training crops are bicubic or "
            "bilinear by a coin",
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
                    "ema_warmup": False,
                },
                "schedule": {"name": "cosine", "warmup_epochs": 20.0, "min_lr": 1e-6},
                "augment": _DEIT_AUGMENT,
                "model": {"drop_path_rate": 0.1},
            },
            "not given",
            _BICUBIC,
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
            "RandAugment has other operations and strengths than torchvision's, which this is; the "
            "mean of the patches in place of the class token, fixed sine and cosine positions, "
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
                # Its 5e-7 and 5e-6, scaled as the rate is; timm's cosine by its default.
                "schedule": {
                    "name": "cosine",
                    "warmup_epochs": 20.0,
                    "warmup_prefix": False,
                    "warmup_lr": 1e-6,
                    "min_lr": 1e-5,
                },
                "augment": _DEIT_AUGMENT,
                "model": {"drop_path_rate": 0.2},
            },
            "5e-4 for each 512 images",
            _BICUBIC,
        ),
        "vgg16_90": Published(
            "vgg16",
            71.6,
            (f"{TORCHVISION}#alexnet-and-vgg",),
            {
                "epochs": 90,
                "batch_size": 256,
                "optim": {"lr": 0.01, **_TORCHVISION_SGD},
                "schedule": {"name": "step", "milestones": _EVERY_THIRTY_OF_NINETY},
                "augment": {"flip": True},
            },
            "not given",
            "nothing known",
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
                "optim": {"name": "sgd", "lr": 0.1, "weight_decay": 1e-4, "decay": "all"},
                "schedule": {"name": "step", "milestones": _EVERY_THIRTY_OF_NINETY},
                # Of fb.resnet.torch, which its authors trained with.
                "augment": {"flip": True, "color_jitter": 0.4, "lighting": 0.1},
            },
            "not given",
            "nothing known",
        ),
    }
)

# What an architecture is trained with on ImageNet where no recipe is named: its first row.
DEFAULT_FOR: Mapping[str, str] = MappingProxyType(
    {published.arch: name for name, published in reversed(list(PUBLISHED.items()))}
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
        elif value is False:
            group, _, last = flag.rpartition(".")
            flags.append(f"--{group}.no-{last}")
        elif isinstance(value, tuple):
            flags.append(f"--{flag} " + " ".join(f"{part:.4g}" for part in value))
        else:
            shown = f"{value:.4g}" if isinstance(value, float) else value
            flags.append(f"--{flag}={shown}")
    return flags


if __name__ == "__main__":
    print(table())
