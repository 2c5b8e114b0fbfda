"""What training is compared in with the reference implementations: a row each. No torch here."""

from pathlib import Path

import numpy as np

GOLDENS = Path(__file__).parent / "goldens"
STEPS = 20
RATE, DECAY = 0.01, 0.05

# Our settings beside `Optim`'s defaults -> the reference: its class and arguments. What decays has
# DECAY in both.
OPTIMIZERS = {
    "sgd": ({}, "torch:SGD", {"momentum": 0.9, "nesterov": True}),
    "sgd_plain": ({"name": "sgd", "nesterov": False}, "torch:SGD", {"momentum": 0.9}),
    "sgd_all": ({"name": "sgd", "decay": "all"}, "torch:SGD", {"momentum": 0.9, "nesterov": True}),
    "sgd_clip": (
        {"name": "sgd", "clip_norm": 0.5},
        "torch:SGD",
        {"momentum": 0.9, "nesterov": True},
    ),
    "adamw": ({}, "torch:AdamW", {}),
    "adamw_betas": (
        {"name": "adamw", "betas": (0.8, 0.95), "eps": 1e-3},
        "torch:AdamW",
        {"betas": (0.8, 0.95), "eps": 1e-3},
    ),
    "rmsprop": ({}, "timm:RMSpropTF", {"alpha": 0.9, "momentum": 0.9, "eps": 1e-3}),
    "rmsprop_alpha": (
        {"name": "rmsprop", "rmsprop_decay": 0.99, "eps": 1e-2},
        "timm:RMSpropTF",
        {"alpha": 0.99, "momentum": 0.9, "eps": 1e-2},
    ),
    "lamb": ({}, "timm:Lamb", {}),
    "lamb_clip": ({"name": "lamb", "clip_norm": 100.0}, "timm:Lamb", {"max_grad_norm": 100.0}),
    "lion": ({}, "timm:Lion", {"betas": (0.9, 0.99)}),
}

# Of muon's matrices, the groups -> torch's Muon for each of them, and its AdamW for all else.
MUON = {"muon": 1, "muon_groups": 2}
ADAM_RATE = 3e-4

# Our settings -> timm's `CosineLRScheduler`, or a torch one; of a run of 12 epochs of 5 steps.
EPOCHS, STEPS_PER_EPOCH, PEAK = 12, 5, 0.4
SCHEDULES = {
    "cosine": ({}, "timm:CosineLRScheduler", {}),
    "cosine_timm": (
        {"warmup_epochs": 3, "warmup_lr": 0.01, "warmup_prefix": False, "min_lr": 0.02},
        "timm:CosineLRScheduler",
        {"warmup_t": 3, "warmup_lr_init": 0.01, "lr_min": 0.02},
    ),
    "cosine_prefix": (
        {"warmup_epochs": 3, "warmup_lr": 0.01, "min_lr": 0.02},
        "timm:CosineLRScheduler",
        {"warmup_t": 3, "warmup_lr_init": 0.01, "lr_min": 0.02, "warmup_prefix": True},
    ),
    "step": (
        {"name": "step", "milestones": (0.5, 0.75), "by_epoch": True},
        "torch:MultiStepLR",
        {"milestones": [6, 9]},
    ),
    "step_twice": (
        {"name": "step", "milestones": (0.5, 0.5, 0.75), "by_epoch": True},
        "torch:MultiStepLR",
        {"milestones": [6, 6, 9]},
    ),
}

# Label smoothing with class weights, of labels and of mixtures.
WEIGHTED = {
    f"weighted_{of}{smoothing}": (of, smoothing)
    for of in ("labels", "mixtures")
    for smoothing in (0.0, 0.1)
}
CLASS_WEIGHTS = np.array([0.5, 1.0, 2.0, 4.0, 0.1], np.float32)

LOSSES = {
    "bce": (0.0, None),
    "bce_smooth": (0.1, None),
    "bce_threshold": (0.0, 0.2),
    "bce_smooth_threshold": (0.1, 0.2),
}

# Levels at which the operations of timm's RandAugment are compared, and those of their pixels.
LEVELS = (0.0, 4.3, 9.0, 10.0)
SEEN = (4.3, 9.0)
FILL = (124, 116, 104)
# The same of big_vision's, which is used at 0, 10, 15 and 20, and where its Cutout is put.
BIG_VISION_LEVELS = (0, 9, 10, 15, 20, 30)
BIG_VISION_SEEN = (0, 9, 10, 15)
CENTRES = (4, 15)

# Sizes of images whose windows are drawn, and how often: those erased, and those cropped.
WINDOWED = ((224, 224), (40, 60), (9, 7), (300, 40))
DRAWS = 25

# Of each family of timm's one, and a second where it has other kinds of parameters.
FAMILIES = (
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "resnet18",
    "resnetv2_50",
    "seresnet50",
    "swin_tiny_patch4_window7_224",
    "vgg11_bn",
    "vit_base_patch16_gap_224",
    "vit_tiny_patch16_224",
)

# Those whose layers are timm's: of VGG a norm goes with the layer before it, of DenseNet a block
# is one.
ORDERED = tuple(name for name in FAMILIES if not name.startswith(("densenet", "vgg")))


def picture() -> np.ndarray:
    """uint8 [18, 22, 3]: coloured, and neither smooth nor noise."""
    draws = np.random.default_rng(3)
    coarse = draws.integers(256, size=(6, 8, 3), dtype=np.uint8)
    noise = draws.integers(-20, 20, size=(18, 22, 3))
    return np.clip(coarse.repeat(3, 0).repeat(3, 1)[:, :22] + noise, 0, 255).astype(np.uint8)


def large_picture() -> np.ndarray:
    """uint8 [144, 176, 3], the picture many times over."""
    return np.tile(picture(), (8, 8, 1))


def parameters() -> dict[str, dict[str, np.ndarray]]:
    """Of each kind one; the norm's scale starts at zero, as the last of a residual block does."""
    draws = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return draws.normal(size=shape).astype(np.float32)

    return {
        "conv": {"kernel": draw(3, 3, 2, 4)},
        "norm": {"scale": np.zeros(4, np.float32), "bias": draw(4)},
        "token": {"cls_token": draw(1, 1, 4)},
        "head": {"kernel": draw(4, 5), "bias": draw(5)},
    }


def gradients(step: int) -> dict[str, dict[str, np.ndarray]]:
    draws = np.random.default_rng(1 + step)
    return {
        module: {
            name: (0.3 * draws.normal(size=value.shape)).astype(np.float32)
            for name, value in values.items()
        }
        for module, values in parameters().items()
    }


def logits_and_labels() -> tuple[np.ndarray, np.ndarray, float]:
    """Logits [8, 5], labels [8], and the share that an image keeps of itself in a mixture."""
    draws = np.random.default_rng(2)
    return draws.normal(size=(8, 5)).astype(np.float32), draws.integers(5, size=8), 0.85
