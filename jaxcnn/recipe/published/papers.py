"""Recipes that stand in a paper's text. Fields are what it speaks of, in its units.

Where in the text stands above each; figures are its errors, from 100.
"""

from collections.abc import Iterator

from jaxcnn.recipe.published.row import Fields, Pair, Published, Size, Source, momentum, pair


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
    # Accurate, large minibatch SGD. Goyal et al., 2017: section 5.1, and 5.2 for the warmup and the
    # rate of such batches; table 1.
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
        {"resnet50": Size((76.26,))},
        "0.1 for each 256 images",
        "the head's bias decays; statistics of BatchNorm are those of 32 images",
    ),
    # Squeeze-and-excitation networks. Hu et al., 2018: section 5.1, SENet-154's own in the
    # appendix; tables 2 and 8. The weights that the authors gave away, and so timm's, are of a
    # later and longer training, as their README says.
    "senet_100": Published(
        (
            "https://arxiv.org/abs/1709.01507",
            "https://github.com/hujie-frank/SENet/blob/0262d43d44c561fd53c3dba210cc8bacfc60500d/"
            "README.md",
        ),
        SGD,
        {
            "minibatch": 1024,
            "epochs": 100,
            "learning_rate": 0.6,
            "drops_at_epochs": (30, 60, 90),
        },
        {
            "seresnet50": Size((76.71,)),
            "seresnet101": Size((77.62,)),
            "seresnet152": Size((78.43,)),
            "seresnext50_32x4d": Size((78.9,)),
            "senet154": Size(
                (81.32,), {"minibatch": 2048, "learning_rate": 1.0, "label_smoothing": 0.1}
            ),
        },
        differs="weight decay is not spoken of, and SENet-154's smoothing without a figure: these "
        "are the usual ones; SENet-154's BatchNorm was frozen in the last epochs; in the "
        "SE-ResNets the first layer of a block has the stride",
    ),
    # Deep residual learning. He et al., 2015: section 4.2; table 6, of CIFAR-10, ResNet-110's the
    # best of five runs.
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
