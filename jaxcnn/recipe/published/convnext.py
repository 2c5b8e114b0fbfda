"""ConvNeXt's training script. Liu et al., 2022, https://arxiv.org/abs/2201.03545.

Fields are the script's flags, beside `gpus`, which `--batch_size` is for each of.
"""

from collections.abc import Iterator

from jaxcnn.recipe.published.deit import augmentation
from jaxcnn.recipe.published.row import Fields, Pair, Published, Size, Source, pair

FILE = "https://github.com/facebookresearch/ConvNeXt/blob/048efcea897d999aed302f2639b6270aedf8d4c8"

DEFAULTS: Fields = {
    "gpus": 1,
    "batch_size": 64,
    "epochs": 300,
    "update_freq": 1,
    "drop_path": 0.0,
    "model_ema": False,
    "model_ema_decay": 0.9999,
    "opt": "adamw",
    "opt_eps": 1e-8,
    "clip_grad": None,
    "weight_decay": 0.05,
    "lr": 4e-3,
    "min_lr": 1e-6,
    "warmup_epochs": 20,
    "color_jitter": 0.4,
    "aa": "rand-m9-mstd0.5-inc1",
    "smoothing": 0.1,
    "train_interpolation": "bicubic",
    "crop_pct": None,
    "reprob": 0.25,
    "remode": "pixel",
    "recount": 1,
    "mixup": 0.8,
    "cutmix": 1.0,
    "mixup_prob": 1.0,
    "mixup_switch_prob": 0.5,
    "use_amp": False,
}


def read(f: Fields) -> Iterator[Pair]:
    whole = f["gpus"] * f["batch_size"] * f["update_freq"]
    yield pair(f, "gpus batch_size update_freq", {"batch_size": whole})
    yield pair(f, "epochs", {"epochs": f["epochs"]})
    yield pair(f, "use_amp", {"precision": "bfloat16" if f["use_amp"] else "float32"})
    yield pair(
        f,
        "opt opt_eps lr weight_decay",
        {
            "optim.name": f["opt"],
            "optim.lr": f["lr"],
            "optim.weight_decay": f["weight_decay"],
        },
    )
    yield pair(f, "clip_grad", {"optim.clip_norm": f["clip_grad"]})
    yield pair(
        f,
        "model_ema model_ema_decay",
        {"optim.ema_decay": f["model_ema_decay"], "optim.ema_warmup": False},
    )
    yield pair(
        f,
        "warmup_epochs min_lr",
        {
            "schedule.name": "cosine",
            "schedule.warmup_epochs": float(f["warmup_epochs"]),
            "schedule.min_lr": f["min_lr"],
        },
    )
    yield from augmentation(f)
    yield pair(f, "crop_pct", {})
    yield pair(f, "drop_path", {"model.drop_path_rate": f["drop_path"]})


RECIPES = {
    "convnext_tiny_300": Published(
        (f"{FILE}/TRAINING.md", f"{FILE}/README.md", f"{FILE}/main.py"),
        Source(DEFAULTS, read),
        {"gpus": 32, "batch_size": 128, "lr": 4e-3, "model_ema": True},
        {
            "convnext_tiny": Size((82.1,), {"drop_path": 0.1}),
            "convnext_small": Size((83.1,), {"drop_path": 0.4}),
            "convnext_base": Size((83.8,), {"drop_path": 0.5}),
            "convnext_large": Size((84.3,), {"gpus": 64, "batch_size": 64, "drop_path": 0.5}),
        },
    ),
}
