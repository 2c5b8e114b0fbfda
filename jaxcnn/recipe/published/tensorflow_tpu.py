"""EfficientNet's own training script, also of EfficientNet-Lite. Tan and Le, 2019.

https://arxiv.org/abs/1905.11946. Fields are the script's flags.
"""

from collections.abc import Iterator

from jaxcnn.recipe.published.row import Fields, Pair, Published, Size, Source, pair

FILE = (
    "https://github.com/tensorflow/tpu/blob/01b67067be64987e9519b35342ba91d3179daeed/models/"
    "official/efficientnet"
)

DEFAULTS: Fields = {
    "augment_name": None,
    "train_steps": 218_949,
    "train_batch_size": 2048,
    "num_train_images": 1_281_167,
    "batch_norm_batch_size": 128,
    "use_bfloat16": True,
    "base_learning_rate": 0.016,
    "lr_decay_epoch": 2.4,
    "moving_average_decay": 0.9999,
    "weight_decay": 1e-5,
    "label_smoothing": 0.1,
    "dropout_rate": None,
    "survival_prob": None,
    "mixup_alpha": 0.0,
    "optimizer": "rmsprop",
    "lr_schedule": "exponential",
    "lr_decay_factor": 0.97,
    "lr_warmup_epochs": 5,
}


def read(f: Fields) -> Iterator[Pair]:
    batch = f["train_batch_size"]
    epochs = round(f["train_steps"] * batch / f["num_train_images"])
    yield pair(f, "train_batch_size", {"batch_size": batch})
    yield pair(f, "train_steps num_train_images", {"epochs": epochs})
    yield pair(f, "use_bfloat16", {"precision": "bfloat16"})
    yield pair(
        f,
        "optimizer base_learning_rate",
        # For each 256 images.
        {"optim.name": f["optimizer"], "optim.lr": f["base_learning_rate"] * batch / 256},
    )
    yield pair(f, "weight_decay", {"optim.weight_decay": f["weight_decay"]}, "biases decay there")
    yield pair(f, "moving_average_decay", {"optim.ema_decay": f["moving_average_decay"]})
    yield pair(
        f,
        "lr_schedule lr_decay_epoch lr_decay_factor",
        {
            "schedule.name": f["lr_schedule"],
            "schedule.factor": f["lr_decay_factor"] ** (epochs / f["lr_decay_epoch"]),
            "schedule.warmup_prefix": False,
        },
        f"the rate steps down every {f['lr_decay_epoch']} epochs, not every step",
    )
    yield pair(f, "lr_warmup_epochs", {"schedule.warmup_epochs": float(f["lr_warmup_epochs"])})
    yield Pair({"flip": True}, {"augment.flip": True})
    policy = {"augment.policy": f["augment_name"]}
    # AutoAugment's own would become bicubic too, which it is not there.
    crops = {} if f["augment_name"] else {"augment.interpolation": "bicubic"}
    yield Pair({"resize": "bicubic"}, crops)
    yield pair(f, "augment_name", policy)
    yield pair(f, "label_smoothing", {"augment.label_smoothing": f["label_smoothing"]})
    yield pair(f, "mixup_alpha", {"augment.mixup": f["mixup_alpha"]})
    # The architecture's own, as they are here.
    yield pair(f, "dropout_rate survival_prob", {})
    of = f["batch_norm_batch_size"]
    yield pair(f, "batch_norm_batch_size", {}, f"statistics of BatchNorm are those of {of} images")


SCRIPT = Source(DEFAULTS, read)
AUTOAUGMENT_TOP1 = (77.1, 79.1, 80.1, 81.6, 82.9, 83.6, 84.0, 84.3)
LITE_TOP1 = (75.1, 76.7, 77.6, 79.8, 81.5)


def _sizes(name: str, figures: tuple[float, ...]) -> dict[str, Size]:
    return {
        f"{prefix}{name}{size}": Size((top1,))
        for prefix in ("", "tf_")
        for size, top1 in enumerate(figures)
    }


EARLY = "the weights of the figures are those that were best on 25,022 held out images"

RECIPES = {
    "efficientnet_aa_350": Published(
        ("https://arxiv.org/abs/1905.11946", f"{FILE}/README.md", f"{FILE}/main.py"),
        SCRIPT,
        {"augment_name": "autoaugment"},
        _sizes("efficientnet_b", AUTOAUGMENT_TOP1),
        "linear",
        f"AutoAugment and the crops, which are bicubic, are TensorFlow's; {EARLY}",
    ),
    "efficientnet_lite_350": Published(
        (f"{FILE}/lite/README.md", f"{FILE}/lite/efficientnet_lite_builder.py", f"{FILE}/main.py"),
        SCRIPT,
        {},
        _sizes("efficientnet_lite", LITE_TOP1),
        "linear",
        "images are normalised to -1..1; crops are TensorFlow's; that the weights of the figures "
        f"had no AutoAugment is not said; {EARLY}",
    ),
}
