"""DeiT's training script. Touvron et al., 2021, https://arxiv.org/abs/2012.12877.

Fields are the script's flags, beside `gpus`, which `--batch-size` is for each of. Its augmentation
is also ConvNeXt's and Swin's: `augmentation`.
"""

from collections.abc import Iterator

from jaxcnn.recipe.published.row import (
    NOISE,
    Fields,
    Pair,
    Published,
    Size,
    Source,
    erasing_as_timm,
    pair,
    repeated_batch,
)

FILE = "https://github.com/facebookresearch/deit/blob/7e160fe43f0252d17191b71cbb5826254114ea5b"

DEFAULTS: Fields = {
    "gpus": 1,
    "batch_size": 64,
    "epochs": 300,
    "drop": 0.0,
    "drop_path": 0.1,
    "model_ema": True,
    "opt": "adamw",
    "opt_eps": 1e-8,
    "clip_grad": None,
    "weight_decay": 0.05,
    "sched": "cosine",
    "lr": 5e-4,
    "warmup_lr": 1e-6,
    "min_lr": 1e-5,
    "warmup_epochs": 5,
    "color_jitter": 0.3,
    "aa": "rand-m9-mstd0.5-inc1",
    "smoothing": 0.1,
    "train_interpolation": "bicubic",
    "repeated_aug": True,
    "reprob": 0.25,
    "remode": "pixel",
    "recount": 1,
    "mixup": 0.8,
    "cutmix": 1.0,
    "mixup_prob": 1.0,
    "mixup_switch_prob": 0.5,
    "eval_crop_ratio": 0.875,
}


def augmentation(f: Fields) -> Iterator[Pair]:
    yield Pair({"hflip": 0.5}, {"augment.flip": True})
    # timm leaves the jitter out where there is a policy.
    yield pair(f, "aa color_jitter", {"augment.policy": f["aa"]})
    yield pair(f, "train_interpolation", {"augment.interpolation": f["train_interpolation"]})
    yield pair(f, "reprob remode recount", erasing_as_timm(f["reprob"]), NOISE)
    yield pair(
        f,
        "mixup cutmix mixup_prob mixup_switch_prob",
        {"augment.mixup": f["mixup"], "augment.cutmix": f["cutmix"]},
    )
    yield pair(f, "smoothing", {"augment.label_smoothing": f["smoothing"]})


def read(f: Fields) -> Iterator[Pair]:
    whole = f["gpus"] * f["batch_size"]
    yield pair(
        f,
        "gpus batch_size repeated_aug",
        {"batch_size": repeated_batch(whole, 3), "augment.repeats": 3},
        f"the batch is {whole:,}, which 3 versions do not divide",
    )
    yield pair(f, "epochs", {"epochs": f["epochs"]})
    yield Pair({"torch.cuda.amp": True}, {"precision": "bfloat16"})
    yield pair(
        f,
        "opt opt_eps lr weight_decay",
        {
            "optim.name": f["opt"],
            # For each 512 images.
            "optim.lr": f["lr"] * whole / 512,
            "optim.weight_decay": f["weight_decay"],
        },
    )
    yield pair(f, "clip_grad", {"optim.clip_norm": f["clip_grad"]})
    yield pair(
        f, "model_ema", {}, "an average of the weights is kept, though the figures are not its"
    )
    yield pair(
        f,
        "sched warmup_epochs warmup_lr min_lr",
        {
            "schedule.name": f["sched"],
            "schedule.warmup_epochs": float(f["warmup_epochs"]),
            "schedule.warmup_lr": f["warmup_lr"],
            "schedule.min_lr": f["min_lr"],
            # Those of timm's scheduler.
            "schedule.warmup_prefix": False,
            "schedule.by_epoch": True,
        },
    )
    yield from augmentation(f)
    yield pair(f, "drop drop_path", {"model.drop_path_rate": f["drop_path"]})
    yield pair(f, "eval_crop_ratio", {})


RECIPES = {
    "deit_300": Published(
        (f"{FILE}/README_deit.md#training", f"{FILE}/main.py"),
        Source(DEFAULTS, read),
        {"gpus": 4, "batch_size": 256},
        {
            "vit_small_patch16_224": Size((79.9,)),
            "vit_tiny_patch16_224": Size((72.2,)),
            "vit_base_patch16_224": Size((81.8,), {"gpus": 16, "batch_size": 64}),
        },
        "5e-4 for each 512 images",
    ),
}
