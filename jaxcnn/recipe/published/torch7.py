"""fb.resnet.torch, and DenseNet's scripts, which are built on it.

Fields are the options of opts.lua, and what its train.lua and datasets have beside them.
"""

from collections.abc import Iterator

from jaxcnn.recipe.published.row import Fields, Pair, Published, Size, Source, momentum, pair

DENSENET = "https://github.com/liuzhuang13/DenseNet/blob/e3d24fb44997875f6eddc90dfd605e028d052bad"
FB_RESNET = (
    "https://github.com/facebookarchive/fb.resnet.torch/blob/"
    "985e569d468d23baeef5b952954dcdf3c61c5e73"
)

DEFAULTS: Fields = {
    "batchSize": 32,
    "nEpochs": 90,
    "LR": 0.1,
    "momentum": 0.9,
    "nesterov": True,
    "weightDecay": 1e-4,
    "dropRate": 0.0,
}


def read(f: Fields) -> Iterator[Pair]:
    yield pair(f, "batchSize", {"batch_size": f["batchSize"]})
    yield pair(f, "nEpochs", {"epochs": f["nEpochs"]})
    yield pair(
        f,
        "LR momentum nesterov weightDecay",
        {
            "optim.name": "sgd",
            "optim.lr": f["LR"],
            **momentum(f["momentum"]),
            "optim.nesterov": f["nesterov"],
            "optim.weight_decay": f["weightDecay"],
            "optim.decay": "all",
        },
    )
    drops = (1 / 3, 2 / 3) if f["dataset"] == "imagenet" else (0.5, 0.75)
    yield pair(f, "dataset", {"schedule.name": "step", "schedule.milestones": drops})
    yield Pair({"HorizontalFlip": 0.5}, {"augment.flip": True})
    if f["dataset"] == "imagenet":
        yield Pair(
            {"ColorJitter": 0.4, "Lighting": 0.1},
            {"augment.color_jitter": 0.4, "augment.lighting": 0.1},
        )
    else:
        yield Pair({"RandomCrop": (32, 4)}, {"augment.crop_padding": 4})
    yield pair(f, "dropRate", {})


SCRIPT = Source(DEFAULTS, read)
IMAGENET: Fields = {"dataset": "imagenet", "batchSize": 256, "nEpochs": 90}

RECIPES = {
    "densenet121_90": Published(
        (f"{DENSENET}/README.md", f"{DENSENET}/train.lua", f"{DENSENET}/opts.lua"),
        SCRIPT,
        IMAGENET,
        {
            "densenet121": Size((75.0,)),
            "densenet169": Size((76.4,)),
            "densenet201": Size((77.5,)),
            "densenet161": Size((77.8,)),
        },
    ),
    "wide_resnet50_2_90": Published(
        (
            "https://arxiv.org/abs/1605.07146",
            f"{FB_RESNET}/TRAINING.md",
            "https://github.com/szagoruyko/wide-residual-networks/blob/"
            "ae6d0d0561484172790c7a63c8ce6ade5a5a2914/pretrained/README.md",
        ),
        SCRIPT,
        IMAGENET,
        {"wide_resnet50_2": Size((78.1,))},
        differs="torchvision's weights are of another training",
    ),
    "densenet_cifar_300": Published(
        (f"{DENSENET}/README.md", f"{DENSENET}/train.lua", f"{DENSENET}/opts.lua"),
        SCRIPT,
        {"dataset": "cifar", "batchSize": 64, "nEpochs": 300},
        {
            "densenet_bc_100_k12": Size((95.49, 77.73)),
            "densenet_40_k12": Size((94.76, 75.58)),
        },
        datasets=("cifar10", "cifar100"),
    ),
}
