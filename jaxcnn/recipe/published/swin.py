"""Swin Transformer's configurations. Liu et al., 2021, https://arxiv.org/abs/2103.14030.

Fields are those of config.py as it was when the weights came out, without the sections' names where
that leaves no two alike, beside `GPUS`, which `BATCH_SIZE` is for each of.
"""

from collections.abc import Iterator

from jaxcnn.recipe.published.deit import augmentation
from jaxcnn.recipe.published.row import Fields, Pair, Published, Size, Source, pair

FILE = "https://github.com/microsoft/Swin-Transformer/blob/3dc2a55301a02d71e956b382b50943a35c4abee9"

DEFAULTS: Fields = {
    "GPUS": 1,
    "BATCH_SIZE": 128,
    "INTERPOLATION": "bicubic",
    "DROP_RATE": 0.0,
    "DROP_PATH_RATE": 0.1,
    "LABEL_SMOOTHING": 0.1,
    "EPOCHS": 300,
    "WARMUP_EPOCHS": 20,
    "WEIGHT_DECAY": 0.05,
    "BASE_LR": 5e-4,
    "WARMUP_LR": 5e-7,
    "MIN_LR": 5e-6,
    "CLIP_GRAD": 5.0,
    "ACCUMULATION_STEPS": 0,
    "LR_SCHEDULER.NAME": "cosine",
    "OPTIMIZER.NAME": "adamw",
    "OPTIMIZER.EPS": 1e-8,
    "OPTIMIZER.BETAS": (0.9, 0.999),
    "COLOR_JITTER": 0.4,
    "AUTO_AUGMENT": "rand-m9-mstd0.5-inc1",
    "REPROB": 0.25,
    "REMODE": "pixel",
    "RECOUNT": 1,
    "MIXUP": 0.8,
    "CUTMIX": 1.0,
    "MIXUP_PROB": 1.0,
    "MIXUP_SWITCH_PROB": 0.5,
}
# What the fields that timm's transforms are made of are called in DeiT's script.
DEIT_NAMES = {
    "AUTO_AUGMENT": "aa",
    "INTERPOLATION": "train_interpolation",
    "LABEL_SMOOTHING": "smoothing",
}


def read(f: Fields) -> Iterator[Pair]:
    whole = f["GPUS"] * f["BATCH_SIZE"] * max(1, f["ACCUMULATION_STEPS"])
    yield pair(f, "GPUS BATCH_SIZE ACCUMULATION_STEPS", {"batch_size": whole})
    yield pair(f, "EPOCHS", {"epochs": f["EPOCHS"]})
    yield Pair({"apex.amp": True}, {"precision": "bfloat16"})
    # Rates are for each 512 images.
    scale = whole / 512
    yield pair(
        f,
        "OPTIMIZER.NAME OPTIMIZER.EPS OPTIMIZER.BETAS BASE_LR WEIGHT_DECAY",
        {
            "optim.name": f["OPTIMIZER.NAME"],
            "optim.lr": f["BASE_LR"] * scale,
            "optim.weight_decay": f["WEIGHT_DECAY"],
        },
    )
    yield pair(f, "CLIP_GRAD", {"optim.clip_norm": f["CLIP_GRAD"]})
    yield pair(
        f,
        "LR_SCHEDULER.NAME WARMUP_EPOCHS WARMUP_LR MIN_LR",
        {
            "schedule.name": f["LR_SCHEDULER.NAME"],
            "schedule.warmup_epochs": float(f["WARMUP_EPOCHS"]),
            "schedule.warmup_lr": f["WARMUP_LR"] * scale,
            "schedule.min_lr": f["MIN_LR"] * scale,
            # That of timm's scheduler.
            "schedule.warmup_prefix": False,
        },
    )
    its_names = {DEIT_NAMES.get(name, name.lower()): name for name in f}
    for entry in augmentation({of_deit: f[name] for of_deit, name in its_names.items()}):
        theirs = {its_names.get(name, name): value for name, value in entry.theirs.items()}
        yield Pair(theirs, entry.ours, entry.differs)
    rate = {"model.drop_path_rate": f["DROP_PATH_RATE"]}
    yield pair(f, "DROP_RATE DROP_PATH_RATE", rate)


RECIPES = {
    "swin_tiny_300": Published(
        (f"{FILE}/config.py", f"{FILE}/get_started.md", f"{FILE}/README.md"),
        Source(DEFAULTS, read),
        {"GPUS": 8},
        {
            "swin_tiny_patch4_window7_224": Size((81.2,), {"DROP_PATH_RATE": 0.2}),
            "swin_small_patch4_window7_224": Size((83.2,), {"DROP_PATH_RATE": 0.3}),
            "swin_base_patch4_window7_224": Size(
                (83.5,), {"DROP_PATH_RATE": 0.5, "BATCH_SIZE": 64, "ACCUMULATION_STEPS": 2}
            ),
        },
        "5e-4 for each 512 images",
    ),
}
