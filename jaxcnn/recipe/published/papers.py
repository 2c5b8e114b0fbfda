"""Recipes that stand in a paper's text. Fields are what it speaks of, in its units."""

from collections.abc import Iterator

from jaxcnn.recipe.published.row import Fields, Pair, Published, Size, Source, momentum, pair

TIMM_CARDS = (
    "https://github.com/huggingface/pytorch-image-models/blob/"
    "aa4b5850c1543fa488abf260f18390eda46cf85d"
)


def read(f: Fields) -> Iterator[Pair]:
    """Of SGD whose rate falls by ten at some epochs."""
    yield pair(f, "minibatch", {"batch_size": f["minibatch"]})
    yield pair(f, "epochs", {"epochs": f["epochs"]})
    yield pair(
        f,
        "learning_rate momentum nesterov",
        {
            "optim.name": "sgd",
            "optim.lr": f["learning_rate"],
            **momentum(f["momentum"]),
            "optim.nesterov": f["nesterov"],
        },
    )
    yield pair(f, "weight_decay", {"optim.weight_decay": f["weight_decay"]})
    milestones = tuple(drop / f["epochs"] for drop in f["drops_at_epochs"])
    yield pair(f, "drops_at_epochs", {"schedule.name": "step", "schedule.milestones": milestones})
    if f["warmup_epochs"]:
        yield pair(
            f,
            "warmup_epochs warmup_from",
            {
                "schedule.warmup_epochs": f["warmup_epochs"],
                "schedule.warmup_lr": f["warmup_from"],
            },
        )
    yield pair(f, "flip", {"augment.flip": True})
    if f["padding"]:
        yield pair(f, "padding", {"augment.crop_padding": f["padding"]})
    if f["label_smoothing"]:
        yield pair(f, "label_smoothing", {"augment.label_smoothing": f["label_smoothing"]})


SGD = Source(
    {
        "momentum": 0.9,
        "nesterov": False,
        "weight_decay": 1e-4,
        "warmup_epochs": 0.0,
        "flip": True,
        "padding": 0,
        "label_smoothing": 0.0,
    },
    read,
)

RECIPES = {
    # Accurate, large minibatch SGD. Goyal et al., 2017.
    "resnet50_goyal_90": Published(
        ("https://arxiv.org/abs/1706.02677",),
        SGD,
        {
            "minibatch": 8192,
            "epochs": 90,
            "learning_rate": 3.2,
            "nesterov": True,
            "drops_at_epochs": (30, 60, 80),
            "warmup_epochs": 5.0,
            "warmup_from": 0.1,
        },
        {"resnet50": Size((76.3,))},
        "0.1 for each 256 images",
        "statistics of BatchNorm are those of 32 images",
    ),
    # Squeeze-and-excitation networks. Hu et al., 2018. timm's cards have the rest, and figures.
    "senet_100": Published(
        (
            "https://arxiv.org/abs/1709.01507",
            f"{TIMM_CARDS}/hfdocs/source/models/legacy-se-resnet.mdx",
            f"{TIMM_CARDS}/hfdocs/source/models/legacy-senet.mdx",
            f"{TIMM_CARDS}/results/results-imagenet.csv",
        ),
        SGD,
        {
            "minibatch": 1024,
            "epochs": 100,
            "learning_rate": 0.6,
            "drops_at_epochs": (30, 60, 90),
            "label_smoothing": 0.1,
        },
        {
            "seresnet50": Size((77.65,)),
            "seresnet101": Size((78.37,)),
            "seresnet152": Size((78.662,)),
            "seresnext50_32x4d": Size((79.08,)),
            "senet154": Size((81.32,)),
        },
        differs="weight decay and smoothing are named without a figure, these are the usual ones; "
        "in the SE-ResNets of these figures the first layer of a block has the stride",
    ),
    # Deep residual learning. He et al., 2015, section 4.2.
    "resnet_cifar_164": Published(
        ("https://arxiv.org/abs/1512.03385",),
        SGD,
        {
            "minibatch": 128,
            # 64,000 steps of 45,000 images, and drops after 32,000 and 48,000.
            "epochs": 182,
            "learning_rate": 0.1,
            "drops_at_epochs": (91, 136.5),
            "padding": 4,
        },
        {
            "resnet20": Size((91.25,)),
            "resnet32": Size((92.49,)),
            "resnet44": Size((92.83,)),
            "resnet56": Size((93.03,)),
            # 400 steps.
            "resnet110": Size((93.57,), {"warmup_epochs": 1.14, "warmup_from": 0.01}),
        },
        differs="64,000 steps, which is 164 epochs of all 50,000 images and 182 of the 45,000 that "
        "are not held out; ResNet-110 warms up at 0.01 until its training error is below 80 %, "
        "about 400 steps, and then jumps",
        datasets=("cifar10", "cifar100"),
    ),
}
