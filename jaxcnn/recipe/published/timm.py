"""timm's training script, and the commands that its README gives.

Fields are the script's flags at the commit below, of the day the command came, beside `gpus`, which
`--batch-size` is for each of.
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
    momentum,
    pair,
)

COMMIT = "7622015258a16e2d9291576e98530495b0d2ade6"
FILE = f"https://github.com/huggingface/pytorch-image-models/blob/{COMMIT}"

DEFAULTS: Fields = {
    "gpus": 1,
    "batch_size": 32,
    "epochs": 200,
    "sched": "step",
    "lr": 0.01,
    "warmup_lr": 1e-4,
    "warmup_epochs": 3,
    "decay_epochs": 30,
    "decay_rate": 0.1,
    "opt": "sgd",
    "opt_eps": 1e-8,
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "drop": 0.0,
    "drop_connect": 0.0,
    "model_ema": False,
    "model_ema_decay": 0.9998,
    "aa": None,
    "color_jitter": 0.4,
    "reprob": 0.0,
    "remode": "const",
    "recount": 1,
    "mixup": 0.0,
    "smoothing": 0.1,
    "amp": False,
    "sync_bn": False,
}


def read(f: Fields) -> Iterator[Pair]:
    """Of commands with `--sched step`, `--opt rmsproptf` and `--model-ema`."""
    yield pair(f, "gpus batch_size", {"batch_size": f["gpus"] * f["batch_size"]})
    yield pair(f, "epochs", {"epochs": f["epochs"]})
    yield pair(f, "amp", {"precision": "bfloat16"})
    yield pair(
        f,
        "opt lr opt_eps momentum weight_decay",
        {
            "optim.name": "rmsprop",
            "optim.lr": f["lr"],
            **momentum(f["momentum"]),
            "optim.weight_decay": f["weight_decay"],
        },
    )
    yield pair(
        f,
        "model_ema model_ema_decay",
        {"optim.ema_decay": f["model_ema_decay"], "optim.ema_warmup": False},
    )
    yield pair(
        f,
        "sched decay_epochs decay_rate",
        {
            "schedule.name": "exponential",
            "schedule.factor": f["decay_rate"] ** (f["epochs"] / f["decay_epochs"]),
            "schedule.warmup_prefix": False,
            "schedule.by_epoch": True,
        },
        f"the rate steps down every {f['decay_epochs']} epochs, not every one",
    )
    yield pair(
        f,
        "warmup_epochs warmup_lr",
        {"schedule.warmup_epochs": float(f["warmup_epochs"]), "schedule.warmup_lr": f["warmup_lr"]},
    )
    yield pair(f, "aa color_jitter", {"augment.policy": f["aa"]})
    yield Pair({"interpolation": "random"}, {"augment.interpolation": "random"})
    yield pair(f, "reprob remode recount", erasing_as_timm(f["reprob"]), NOISE)
    yield pair(f, "mixup", {"augment.mixup": f["mixup"]})
    yield pair(f, "smoothing", {"augment.label_smoothing": f["smoothing"]})
    yield Pair({"hflip": 0.5}, {"augment.flip": True})
    if f["drop"]:
        rates = {"model.drop_rate": f["drop"], "model.drop_path_rate": f["drop_connect"]}
        yield pair(f, "drop drop_connect", rates)
    if not f["sync_bn"]:
        of = f["batch_size"]
        yield pair(f, "sync_bn", {}, f"statistics of BatchNorm are those of {of} images")


RECIPES = {
    "efficientnet_b0_ra": Published(
        (f"{FILE}/README.md#training-hyperparameters", f"{FILE}/train.py"),
        Source(DEFAULTS, read),
        {
            "gpus": 2,
            "batch_size": 384,
            "sched": "step",
            "epochs": 450,
            "decay_epochs": 2.4,
            "decay_rate": 0.97,
            "opt": "rmsproptf",
            "opt_eps": 0.001,
            "warmup_lr": 1e-6,
            "weight_decay": 1e-5,
            "model_ema": True,
            "model_ema_decay": 0.9999,
            "aa": "rand-m9-mstd0.5",
            "remode": "pixel",
            "reprob": 0.2,
            "amp": True,
            "lr": 0.048,
        },
        # Others have the rates of their architecture, which are the paper's.
        {
            "efficientnet_b0": Size((77.698,), {"drop": 0.2, "drop_connect": 0.2}),
            "efficientnet_b2": Size(
                (80.402,), {"drop": 0.3, "drop_connect": 0.2, "batch_size": 128, "lr": 0.016}
            ),
        },
        "linear",
    ),
}
