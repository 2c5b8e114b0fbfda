"""GluonCV's training script, and the commands that stand beside its weights.

Fields are the script's flags, what it has beside them, and `dropout_ratio`, which is a network's.
"""

from collections.abc import Iterator

from jaxcnn.recipe.published.row import Fields, Pair, Published, Size, Source, momentum, pair

FILE = "https://github.com/dmlc/gluon-cv/blob/567775619f3b97d47e7c360748912a4fd883ff52"
SCRIPT = f"{FILE}/scripts/classification/imagenet/train_imagenet.py"
FIGURES = f"{FILE}/docs/model_zoo/csv_tables/Classifications"
COMMANDS = (
    "https://github.com/dmlc/web-data/blob/0818ee5787b3824f1bca2f4bd98ef6abe689f7db/"
    "gluoncv/logs/classification/imagenet"
)

DEFAULTS: Fields = {
    "num_gpus": 0,
    "batch_size": 32,
    "num_epochs": 3,
    "dtype": "float32",
    "lr": 0.1,
    "momentum": 0.9,
    "wd": 1e-4,
    "no_wd": False,
    "lr_mode": "step",
    "warmup_epochs": 0,
    "warmup_lr": 0.0,
    "mixup": False,
    "mixup_alpha": 0.2,
    "mixup_off_epoch": 0,
    "label_smoothing": False,
    "crop_ratio": 0.875,
    "dropout_ratio": None,
}


def read(f: Fields) -> Iterator[Pair]:
    """Of commands with `--lr-mode cosine` and GPUs."""
    yield pair(f, "num_gpus batch_size", {"batch_size": f["num_gpus"] * f["batch_size"]})
    yield pair(f, "num_epochs", {"epochs": f["num_epochs"]})
    precision = {"float16": "bfloat16"}.get(f["dtype"], f["dtype"])
    yield pair(f, "dtype", {"precision": precision})
    yield Pair(
        {"optimizer": "nag", "lr": f["lr"], "momentum": f["momentum"]},
        {
            "optim.name": "sgd",
            "optim.lr": f["lr"],
            **momentum(f["momentum"]),
            "optim.nesterov": True,
        },
    )
    decay = {"optim.weight_decay": f["wd"], "optim.decay": "kernels" if f["no_wd"] else "all"}
    yield pair(f, "wd no_wd", decay)
    yield pair(
        f,
        "lr_mode warmup_epochs warmup_lr",
        {
            "schedule.name": f["lr_mode"],
            "schedule.warmup_epochs": float(f["warmup_epochs"]),
            "schedule.warmup_lr": f["warmup_lr"],
        },
    )
    yield Pair({"rand_mirror": True}, {"augment.flip": True})
    yield Pair(
        {"jitter_param": 0.4, "lighting_param": 0.1},
        {"augment.color_jitter": 0.4, "augment.lighting": 0.1},
    )
    alpha = f["mixup_alpha"] if f["mixup"] else 0.0
    yield pair(f, "mixup mixup_alpha mixup_off_epoch", {"augment.mixup": alpha})
    smoothing = {"augment.label_smoothing": 0.1 if f["label_smoothing"] else 0.0}
    yield pair(f, "label_smoothing", smoothing)
    yield pair(f, "crop_ratio", {})
    yield pair(f, "dropout_ratio", {"model.drop_rate": f["dropout_ratio"]})


NO_SYNC = "statistics of BatchNorm are those of 128 images"

RECIPES = {
    "googlenet_200": Published(
        (f"{COMMANDS}/googlenet_mixup.sh", f"{FIGURES}/Others.csv", SCRIPT),
        Source(DEFAULTS, read),
        {
            "num_gpus": 8,
            "batch_size": 128,
            "num_epochs": 200,
            "dtype": "float16",
            "lr": 0.4,
            "lr_mode": "cosine",
            "warmup_epochs": 5,
            "no_wd": True,
            "label_smoothing": True,
            "mixup": True,
        },
        {"googlenet": Size((72.87,), {"dropout_ratio": 0.4})},
        differs=f"{NO_SYNC}; there are no auxiliary classifiers",
    ),
    "resnetv2_50_120": Published(
        (f"{COMMANDS}/resnet50_v2.sh", f"{FIGURES}/ResNet.csv", SCRIPT),
        Source(DEFAULTS, read),
        {
            "num_gpus": 8,
            "batch_size": 128,
            "num_epochs": 120,
            "lr": 0.4,
            "lr_mode": "cosine",
            "warmup_epochs": 5,
        },
        {"resnetv2_50": Size((77.11,))},
        differs=f"{NO_SYNC}; the network normalises its input too, and what its first layer gives",
    ),
}
