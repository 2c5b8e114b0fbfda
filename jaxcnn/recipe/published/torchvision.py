"""torchvision's training script, and the commands that its README and its weights name.

Fields are the script's flags, beside `gpus`, which `--batch-size` is for each of. README, script
and weights, which say by what they were made (`meta["recipe"]`), as of torchvision 0.14.1.
"""

from collections.abc import Iterator

from jaxcnn.recipe.published.row import (
    Fields,
    Pair,
    Published,
    Size,
    Source,
    erasing_as_timm,
    momentum,
    pair,
    repeated_batch,
)

FILE = "https://github.com/pytorch/vision/blob/5e8e2f125f140d1e908cf424a6a85cacad758125"
README = f"{FILE}/references/classification/README.md"

DEFAULTS: Fields = {
    "gpus": 8,
    "batch_size": 32,
    "epochs": 90,
    "opt": "sgd",
    "lr": 0.1,
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "norm_weight_decay": None,
    "label_smoothing": 0.0,
    "mixup_alpha": 0.0,
    "cutmix_alpha": 0.0,
    "lr_scheduler": "steplr",
    "lr_warmup_epochs": 0,
    "lr_warmup_method": "constant",
    "lr_warmup_decay": 0.01,
    "lr_step_size": 30,
    "lr_gamma": 0.1,
    "lr_min": 0.0,
    "auto_augment": None,
    "ra_magnitude": 9,
    "random_erase": 0.0,
    "amp": False,
    "model_ema": False,
    "model_ema_steps": 32,
    "model_ema_decay": 0.99998,
    "val_resize_size": 256,
    "val_crop_size": 224,
    "train_crop_size": 224,
    "clip_grad_norm": None,
    "ra_sampler": False,
    "ra_reps": 3,
    "interpolation": "bilinear",
}
POLICIES = {"imagenet": "autoaugment", "ra": "randaugment", "ta_wide": "trivialaugment"}


def read(f: Fields) -> Iterator[Pair]:
    whole = f["gpus"] * f["batch_size"]
    if f["ra_sampler"]:
        batch, repeats = repeated_batch(whole, f["ra_reps"]), f["ra_reps"]
        yield pair(
            f,
            "gpus batch_size ra_sampler ra_reps",
            {"batch_size": batch, "augment.repeats": repeats},
            ""
            if batch == whole
            else f"the batch is {whole:,}, which {repeats} versions do not divide",
        )
    else:
        yield pair(f, "gpus batch_size ra_sampler", {"batch_size": whole})
    yield pair(f, "epochs", {"epochs": f["epochs"]})
    yield pair(f, "amp", {"precision": "bfloat16"} if f["amp"] else {})
    sgd = {**momentum(f["momentum"]), "optim.nesterov": False} if f["opt"] == "sgd" else {}
    yield pair(f, "opt lr momentum", {"optim.name": f["opt"], "optim.lr": f["lr"], **sgd})
    decays_all = f["norm_weight_decay"] is None
    yield pair(
        f,
        "weight_decay norm_weight_decay",
        {
            "optim.weight_decay": f["weight_decay"],
            "optim.decay": "all" if decays_all else "kernels",
        },
        "" if decays_all else "biases decay there, norms do not",
    )
    yield pair(f, "clip_grad_norm", {"optim.clip_norm": f["clip_grad_norm"]})
    yield from _schedule(f)
    yield from _average(f, whole)
    yield from _images(f)
    yield pair(f, "auto_augment ra_magnitude", {"augment.policy": POLICIES.get(f["auto_augment"])})
    if f["random_erase"]:
        of_mean = "what is erased is of the mean colour"
        yield pair(f, "random_erase", erasing_as_timm(f["random_erase"]), of_mean)
    yield pair(f, "mixup_alpha", {"augment.mixup": f["mixup_alpha"]})
    yield pair(f, "cutmix_alpha", {"augment.cutmix": f["cutmix_alpha"]})
    yield pair(f, "label_smoothing", {"augment.label_smoothing": f["label_smoothing"]})


def _schedule(f: Fields) -> Iterator[Pair]:
    if f["lr_warmup_epochs"]:
        yield pair(
            f,
            "lr_warmup_epochs lr_warmup_method lr_warmup_decay",
            {
                "schedule.warmup_epochs": float(f["lr_warmup_epochs"]),
                "schedule.warmup_lr": round(f["lr_warmup_decay"] * f["lr"], 12),
            },
        )
    if f["lr_scheduler"] == "cosineannealinglr":
        shape = {"schedule.name": "cosine", "schedule.min_lr": f["lr_min"]}
        yield pair(f, "lr_scheduler lr_min", {**shape, "schedule.by_epoch": True})
    else:
        drops = range(f["lr_step_size"], f["epochs"], f["lr_step_size"])
        yield pair(
            f,
            "lr_scheduler lr_step_size lr_gamma",
            {
                "schedule.name": "step",
                "schedule.milestones": tuple(drop / f["epochs"] for drop in drops),
                "schedule.factor": f["lr_gamma"],
            },
        )


def _average(f: Fields, batch_size: int) -> Iterator[Pair]:
    if not f["model_ema"]:
        return
    every = f["model_ema_steps"]
    # The script's own adjustment to batch and epochs.
    forgotten = (1 - f["model_ema_decay"]) * batch_size * every / f["epochs"]
    yield pair(
        f,
        "model_ema model_ema_steps model_ema_decay",
        {
            "optim.ema_decay": round((1 - min(1.0, forgotten)) ** (1 / every), 9),
            "optim.ema_warmup": False,
        },
        f"weights are averaged every {every} steps, and afresh until the warmup is over",
    )


def _images(f: Fields) -> Iterator[Pair]:
    train, crop = f["train_crop_size"], f["val_crop_size"]
    sizes: Fields = {} if train == 224 else {"image_size": train}
    sizes = sizes if train == crop else {**sizes, "eval_image_size": crop}
    # An eighth off is the default here too, but for weights that ask for another.
    share = (
        {} if f["val_resize_size"] * 7 == crop * 8 else {"eval_crop": crop / f["val_resize_size"]}
    )
    yield pair(f, "train_crop_size val_crop_size val_resize_size interpolation", {**sizes, **share})
    yield Pair({"flip": 0.5}, {"augment.flip": True})


SCRIPT = Source(DEFAULTS, read)
NO_SYNC = "statistics of BatchNorm are those of 32 images"
# Of ResNet-50's second weights; EfficientNetV2's command is the same but for the sizes.
V2: Fields = {
    "batch_size": 128,
    "lr": 0.5,
    "lr_scheduler": "cosineannealinglr",
    "lr_warmup_epochs": 5,
    "lr_warmup_method": "linear",
    "auto_augment": "ta_wide",
    "epochs": 600,
    "random_erase": 0.1,
    "weight_decay": 2e-5,
    "norm_weight_decay": 0.0,
    "label_smoothing": 0.1,
    "mixup_alpha": 0.2,
    "cutmix_alpha": 1.0,
    "model_ema": True,
    "ra_sampler": True,
    "ra_reps": 4,
}

RECIPES = {
    "resnet50_90": Published(
        (f"{README}#resnet",),
        SCRIPT,
        {},
        {
            "resnet50": Size((76.13,)),
            "resnet18": Size((69.758,)),
            "resnet34": Size((73.314,)),
            "resnet101": Size((77.374,)),
            "resnet152": Size((78.312,)),
        },
        "linear",
        NO_SYNC,
    ),
    "resnet50_v2_600": Published(
        (
            "https://github.com/pytorch/vision/issues/3995#issuecomment-1013906621",
            "https://github.com/pytorch/vision/pull/5201",
            f"{FILE}/torchvision/models/resnet.py",
        ),
        SCRIPT,
        {**V2, "train_crop_size": 176, "val_resize_size": 232},
        {"resnet50": Size((80.858,))},
        "linear",
        "statistics of BatchNorm are those of 128 images",
    ),
    "resnext50_100": Published(
        (f"{README}#resnext",),
        SCRIPT,
        {"epochs": 100},
        {"resnext50_32x4d": Size((77.618,)), "resnext101_32x8d": Size((79.312,))},
        "linear",
        "the weights of these figures had batches of 1,024 at four times the rate; "
        "statistics of BatchNorm are those of 16 images",
    ),
    "vgg16_90": Published(
        (f"{README}#alexnet-and-vgg",),
        SCRIPT,
        {"lr": 0.01},
        {
            "vgg16": Size((71.592,)),
            "vgg11": Size((69.02,)),
            "vgg13": Size((69.928,)),
            "vgg19": Size((72.376,)),
            "alexnet": Size((56.522,)),
        },
    ),
    "vgg16_bn_90": Published(
        (f"{README}#alexnet-and-vgg",),
        SCRIPT,
        {},
        {
            "vgg16_bn": Size((73.36,)),
            "vgg11_bn": Size((70.37,)),
            "vgg13_bn": Size((71.586,)),
            "vgg19_bn": Size((74.218,)),
        },
        "linear",
        NO_SYNC,
    ),
    "efficientnetv2_s_600": Published(
        (f"{README}#efficientnet-v2",),
        SCRIPT,
        V2,
        {
            "efficientnetv2_s": Size(
                (84.228,),
                {"train_crop_size": 300, "val_crop_size": 384, "val_resize_size": 384},
            ),
            "efficientnetv2_m": Size(
                (85.112,),
                {"train_crop_size": 384, "val_crop_size": 480, "val_resize_size": 480},
            ),
        },
        "linear",
        "statistics of BatchNorm are those of 32 images; stochastic depth is 0.2 in both",
    ),
    "vit_base_300": Published(
        (f"{README}#vision-transformer",),
        SCRIPT,
        {
            "epochs": 300,
            "batch_size": 512,
            "opt": "adamw",
            "lr": 0.003,
            "weight_decay": 0.3,
            "lr_scheduler": "cosineannealinglr",
            "lr_warmup_method": "linear",
            "lr_warmup_epochs": 30,
            "lr_warmup_decay": 0.033,
            "amp": True,
            "label_smoothing": 0.11,
            "mixup_alpha": 0.2,
            "auto_augment": "ra",
            "clip_grad_norm": 1.0,
            "ra_sampler": True,
            "cutmix_alpha": 1.0,
            "model_ema": True,
        },
        {
            "vit_base_patch16_224": Size((81.072,)),
            "vit_base_patch32_224": Size((75.912,), {"auto_augment": "imagenet"}),
        },
        "linear",
        "the head starts at zero",
    ),
    "vit_large_600": Published(
        (f"{README}#vision-transformer",),
        SCRIPT,
        # The command has 232 pixels, the weights of the figure 242.
        {**V2, "ra_reps": 3, "clip_grad_norm": 1.0, "val_resize_size": 242},
        {"vit_large_patch16_224": Size((79.662,))},
        "linear",
        "the head starts at zero",
    ),
}
