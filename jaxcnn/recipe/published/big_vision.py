"""big_vision's configurations: a plainer ViT-S/16, and ViTs with augmentation by their size.

Beyer et al., 2022, https://arxiv.org/abs/2205.01580; Steiner et al., 2022,
https://arxiv.org/abs/2106.10270. Fields are those of the configuration, and of the model's and
optimiser's parts of it.
"""

from collections.abc import Iterator

from jaxcnn.recipe.published.row import Fields, Pair, Published, Size, Source, pair

FILE = (
    "https://github.com/google-research/big_vision/blob/0127fb6b337ee2a27bf4e54dea79cff176527356/"
    "big_vision"
)
# Of its split train[:99%].
NUM_TRAIN = 0.99 * 1_281_167

DEFAULTS: Fields = {
    "posemb": "learn",
    "rep_size": False,
    "pool_type": "gap",
    "num_classes": 1000,
    "loss": "softmax_xent",
    "init_head_bias": 0.0,
}


def read(f: Fields) -> Iterator[Pair]:
    yield pair(f, "batch_size", {"batch_size": f["batch_size"]})
    yield pair(f, "total_epochs", {"epochs": f["total_epochs"]})
    yield pair(
        f,
        "optax_name lr wd",
        {
            "optim.name": "adamw",
            "optim.lr": f["lr"],
            # Theirs is not multiplied by the peak rate.
            "optim.weight_decay": f["wd"] / f["lr"],
        },
    )
    yield pair(f, "mu_dtype", {"optim.momentum_dtype": f["mu_dtype"]})
    if f["loss"] == "sigmoid_xent":
        # The sum over classes, and here their mean: the gradient's norm, and what Adam adds to it.
        yield pair(f, "loss num_classes", {"loss": "bce", "optim.eps": 1e-8 / f["num_classes"]})
        clip_norm = f["grad_clip_norm"] / f["num_classes"]
        yield pair(f, "init_head_bias", {}, f"the head's bias starts at {f['init_head_bias']}")
    else:
        clip_norm = f["grad_clip_norm"]
    yield pair(f, "grad_clip_norm", {"optim.clip_norm": clip_norm})
    epochs = f["warmup_steps"] * f["batch_size"] / NUM_TRAIN
    yield pair(
        f,
        "decay_type warmup_steps",
        {"schedule.name": f["decay_type"], "schedule.warmup_epochs": round(epochs, 2)},
    )
    yield Pair({"flip_lr": True}, {"augment.flip": True})
    layers, magnitude = f["randaug"]
    yield pair(
        f,
        "randaug",
        {
            "augment.policy": "randaugment_big_vision",
            "augment.num_ops": layers,
            "augment.magnitude": magnitude,
        },
    )
    yield pair(f, "mixup", {"augment.mixup": f["mixup"]})
    yield pair(
        f,
        "pool_type posemb rep_size",
        {
            "model.pool": {"tok": "token"}.get(f["pool_type"], f["pool_type"]),
            "model.positions": {"learn": "learned", "sincos2d": "sincos"}[f["posemb"]],
            "model.pre_logits": f["rep_size"],
        },
    )
    yield pair(f, "value_range", {}, "images are normalised to -1..1")


OTHERWISE = (
    "crops are of at least 5 % of a picture, and not antialiased; the head starts at zero, other "
    "layers by Glorot's rule"
)
ADAM: Fields = {
    "value_range": (-1, 1),
    "rep_size": True,
    "grad_clip_norm": 1.0,
    "optax_name": "scale_by_adam",
    "mu_dtype": "bfloat16",
    "lr": 0.001,
    "wd": 0.0001,
    "warmup_steps": 10_000,
    "decay_type": "cosine",
}

RECIPES = {
    "vit_small_90": Published(
        (f"{FILE}/configs/vit_s16_i1k.py", f"{FILE}/models/vit.py"),
        Source(DEFAULTS, read),
        {
            **ADAM,
            "total_epochs": 90,
            "batch_size": 1024,
            "randaug": (2, 10),
            "pool_type": "gap",
            "posemb": "sincos2d",
            "mixup": 0.2,
        },
        {"vit_small_patch16_224": Size((76.5,))},
        differs=f"{OTHERWISE}; by the paper's table 1 learned positions and a class token in place "
        "of these are 75.0, and the original 71.6",
    ),
    "vit_augreg_300": Published(
        (f"{FILE}/configs/vit_i1k.py", f"{FILE}/models/vit.py"),
        Source(DEFAULTS, read),
        {
            **ADAM,
            "total_epochs": 300,
            "batch_size": 4096,
            "loss": "sigmoid_xent",
            "init_head_bias": -6.9,
            "pool_type": "tok",
            "randaug": (2, 15),
            "mixup": 0.5,
        },
        {
            "vit_small_patch16_224": Size(),
            "vit_small_patch32_224": Size(given={"mixup": 0.2}),
            "vit_tiny_patch16_224": Size(given={"randaug": (2, 0), "mixup": 0.0}),
            "vit_base_patch16_224": Size(),
            "vit_base_patch32_224": Size(),
            "vit_large_patch16_224": Size(),
        },
        differs=f"{OTHERWISE}; the paper had dropout and stochastic depth in the larger networks",
    ),
}
