"""ResNet strikes back. Wightman et al., 2021, https://arxiv.org/abs/2110.00476.

Fields are the rows of the paper's table 2; `warmup_from_one_in`, `eta_min` and `interpolation`,
which the table leaves out, are of mmpretrain's configurations (its `start_factor` is 1e-4).
"""

from collections.abc import Iterator

from jaxcnn.recipe.published.row import Fields, Pair, Published, Size, Source, pair, repeated_batch

MMPRETRAIN = (
    "https://github.com/open-mmlab/mmpretrain/tree/ee7f2e88501f61aa95c742dd5f429f039935ee90/"
    "configs/resnet"
)

# What the three procedures share.
DEFAULTS: Fields = {
    "test_res": 224,
    "batch_size": 2048,
    "optimizer": "lamb",
    "lr_decay": "cosine",
    "warmup_epochs": 5,
    "warmup_from_one_in": 10_000,
    "eta_min": 1e-6,
    "label_smoothing": None,
    "drop_path": None,
    "repeated_aug": False,
    "h_flip": True,
    "interpolation": "bicubic",
    "mixup_alpha": 0.1,
    "cutmix_alpha": 1.0,
    "test_crop_ratio": 0.95,
    "bce_loss": True,
    "mixed_precision": True,
}


def read(f: Fields) -> Iterator[Pair]:
    train, test = f["train_res"], f["test_res"]
    sizes = {} if train == test else {"image_size": train, "eval_image_size": test}
    yield pair(f, "train_res test_res", sizes)
    yield pair(f, "test_crop_ratio", {"eval_crop": f["test_crop_ratio"]})
    yield pair(f, "epochs", {"epochs": f["epochs"]})
    if f["repeated_aug"]:
        batch = repeated_batch(f["batch_size"], 3)
        ours = {"batch_size": batch, "augment.repeats": 3}
        why = f"the batch is {f['batch_size']:,}, which 3 versions do not divide"
        yield pair(f, "batch_size repeated_aug", ours, why)
    else:
        yield pair(f, "batch_size repeated_aug", {"batch_size": f["batch_size"]})
    yield pair(f, "mixed_precision", {"precision": "bfloat16"})
    yield pair(
        f,
        "bce_loss",
        {"loss": "bce", "bce_threshold": 0.2},
        "mmpretrain takes the shares of a mixture as they are",
    )
    yield pair(
        f,
        "optimizer lr weight_decay",
        {
            "optim.name": f["optimizer"],
            "optim.lr": f["lr"],
            "optim.weight_decay": f["weight_decay"],
        },
    )
    yield pair(
        f,
        "lr_decay warmup_epochs warmup_from_one_in eta_min",
        {
            "schedule.name": f["lr_decay"],
            "schedule.warmup_epochs": float(f["warmup_epochs"]),
            "schedule.warmup_lr": f["lr"] / f["warmup_from_one_in"],
            "schedule.min_lr": f["eta_min"],
        },
    )
    yield pair(f, "h_flip", {"augment.flip": f["h_flip"]})
    policy = f"rand-m{f['rand_augment'].replace('/', '-mstd')}-inc1"
    yield pair(f, "rand_augment", {"augment.policy": policy})
    yield pair(f, "interpolation", {"augment.interpolation": f["interpolation"]})
    yield pair(f, "mixup_alpha", {"augment.mixup": f["mixup_alpha"]})
    yield pair(f, "cutmix_alpha", {"augment.cutmix": f["cutmix_alpha"]})
    yield pair(f, "label_smoothing", {"augment.label_smoothing": f["label_smoothing"] or 0.0})
    if f["drop_path"] is not None:
        yield pair(f, "drop_path", {"model.drop_path_rate": f["drop_path"]})


PAPER = Source(DEFAULTS, read)
SOURCES = ("https://arxiv.org/abs/2110.00476", MMPRETRAIN)
A2: Fields = {
    "train_res": 224,
    "epochs": 300,
    "lr": 5e-3,
    "weight_decay": 0.02,
    "drop_path": 0.05,
    "repeated_aug": True,
    "rand_augment": "7/0.5",
}

RECIPES = {
    "rsb_a1": Published(
        SOURCES,
        PAPER,
        {**A2, "epochs": 600, "weight_decay": 0.01, "mixup_alpha": 0.2, "label_smoothing": 0.1},
        {"resnet50": Size((80.4,))},
    ),
    "rsb_a2": Published(SOURCES, PAPER, A2, {"resnet50": Size((79.8,))}),
    "rsb_a3": Published(
        SOURCES,
        PAPER,
        {
            "train_res": 160,
            "epochs": 100,
            "lr": 8e-3,
            "weight_decay": 0.02,
            "rand_augment": "6/0.5",
        },
        {"resnet50": Size((78.1,))},
    ),
}
