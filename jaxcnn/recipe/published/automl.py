"""EfficientNetV2's own training script. Tan and Le, 2021, https://arxiv.org/abs/2104.00298.

Fields are those of its configuration: hparams.py has the defaults, datasets.py what is ImageNet's,
effnetv2_configs.py what is a network's.
"""

from collections.abc import Iterator

from jaxcnn.recipe.published.row import Fields, Pair, Published, Size, Source, pair

FILE = (
    "https://github.com/google/automl/blob/6a54c8741e7c3265d4547c4f35f47a0391122dc5/efficientnetv2"
)

DEFAULTS: Fields = {
    "train.epochs": 350,
    "train.optimizer": "rmsprop",
    "train.lr_sched": "exponential",
    "train.lr_base": 0.016,
    "train.lr_decay_epoch": 2.4,
    "train.lr_decay_factor": 0.97,
    "train.lr_warmup_epoch": 5,
    "train.lr_min": 0,
    "train.ema_decay": 0.9999,
    "train.weight_decay": 1e-5,
    "train.weight_decay_exclude": ".*(bias|gamma|beta).*",
    "train.label_smoothing": 0.1,
    "train.gclip": 0,
    "train.batch_size": 4096,
    "train.stages": 0,
    "train.sched": None,
    "train.isize": None,
    "eval.isize": None,
    "data.augname": "randaug",
    "data.ra_num_layers": 2,
    "data.ram": 15,
    "data.mixup_alpha": 0.0,
    "data.cutmix_alpha": 0.0,
    "data.ibase": 128,
    "model.dropout_rate": None,
    "model.survival_prob": 0.8,
    "runtime.mixed_precision": True,
}


def read(f: Fields) -> Iterator[Pair]:
    batch, epochs = f["train.batch_size"], f["train.epochs"]
    yield pair(f, "train.batch_size", {"batch_size": batch})
    yield pair(f, "train.epochs", {"epochs": epochs})
    yield pair(f, "runtime.mixed_precision", {"precision": "bfloat16"})
    yield pair(
        f,
        "train.optimizer train.lr_base",
        # For each 256 images.
        {"optim.name": f["train.optimizer"], "optim.lr": f["train.lr_base"] * batch / 256},
    )
    decay = {"optim.weight_decay": f["train.weight_decay"]}
    yield pair(f, "train.weight_decay train.weight_decay_exclude", decay)
    yield pair(f, "train.gclip", {})
    yield pair(f, "train.ema_decay", {"optim.ema_decay": f["train.ema_decay"]})
    every = f["train.lr_decay_epoch"]
    yield pair(
        f,
        "train.lr_sched train.lr_decay_epoch train.lr_decay_factor train.lr_min",
        {
            "schedule.name": f["train.lr_sched"],
            "schedule.factor": f["train.lr_decay_factor"] ** (epochs / every),
            "schedule.warmup_prefix": False,
        },
        f"the rate steps down every {every} epochs, not every step",
    )
    warmup = {"schedule.warmup_epochs": float(f["train.lr_warmup_epoch"])}
    yield pair(f, "train.lr_warmup_epoch", warmup)
    yield from _sizes(f)
    yield Pair({"flip": True}, {"augment.flip": True})
    yield pair(
        f,
        "data.augname data.ra_num_layers data.ram train.sched",
        {
            # The same table and the same pixels.
            "augment.policy": "randaugment_big_vision",
            "augment.num_ops": f["data.ra_num_layers"],
            "augment.magnitude": f["data.ram"],
        },
        "RandAugment's magnitude grows stage by stage from 5, mixup's and cutmix's alphas from 0",
    )
    yield pair(
        f,
        "data.mixup_alpha data.cutmix_alpha",
        {"augment.mixup": f["data.mixup_alpha"], "augment.cutmix": f["data.cutmix_alpha"]},
        "mixup is of one half of a batch, by a share for each image, and cutmix of the other",
    )
    yield pair(f, "train.label_smoothing", {"augment.label_smoothing": f["train.label_smoothing"]})
    rates = {"model.drop_rate": f["model.dropout_rate"]}
    rates |= {"model.drop_path_rate": round(1 - f["model.survival_prob"], 12)}
    yield pair(f, "model.dropout_rate model.survival_prob", rates)


def _sizes(f: Fields) -> Iterator[Pair]:
    """Stage by stage to a network's own size, the first of them a part of the way from `ibase`."""
    stages, base, size = f["train.stages"], f["data.ibase"], f["train.isize"]
    first = int(base + (size - base) / stages) if size else None
    yield pair(
        f,
        "train.isize train.stages data.ibase",
        {
            **({"image_size": size} if size else {}),
            "augment.progressive_size": first,
            "augment.progressive_stages": stages,
        },
        "the sizes between are not rounded to multiples of 16",
    )
    whole = {"eval_image_size": f["eval.isize"], "eval_crop": 1.0} if size else {}
    yield pair(f, "eval.isize", whole, "evaluation stretches the whole photograph to a square")


def _size(top1: float, train: int, test: int, dropout: float, magnitude: int, mix: float) -> Size:
    given = {"train.isize": train, "eval.isize": test, "model.dropout_rate": dropout}
    given |= {"data.ram": magnitude, "data.mixup_alpha": mix, "data.cutmix_alpha": mix}
    return Size((top1,), given)


SIZES = {
    "s": _size(83.9, 300, 384, 0.2, 10, 0.0),
    "m": _size(85.2, 384, 480, 0.3, 15, 0.2),
    "l": _size(85.7, 384, 480, 0.4, 20, 0.5),
}

RECIPES = {
    "efficientnetv2_350": Published(
        (
            f"{FILE}/README.md",
            f"{FILE}/effnetv2_configs.py",
            f"{FILE}/datasets.py",
            f"{FILE}/hparams.py",
            f"{FILE}/main.py",
        ),
        Source(DEFAULTS, read),
        {"train.stages": 4, "train.sched": True},
        {
            f"{prefix}efficientnetv2_{size}": of_size
            for prefix in ("tf_", "")
            for size, of_size in SIZES.items()
        },
        "linear",
        "1,256,144 of the images are trained on; they are normalised to -1..1; crops are of at "
        "least 5 % of a picture; the paper's sizes begin at 128",
    ),
}
