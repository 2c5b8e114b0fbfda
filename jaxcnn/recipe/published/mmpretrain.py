"""mmpretrain's configurations. Fields are theirs."""

from collections.abc import Iterator

from jaxcnn.recipe.published.row import Fields, Pair, Published, Size, Source, momentum, pair

FILE = (
    "https://github.com/open-mmlab/mmpretrain/blob/ee7f2e88501f61aa95c742dd5f429f039935ee90/"
    "configs/lenet/lenet5_mnist.py"
)


def read(f: Fields) -> Iterator[Pair]:
    yield pair(f, "batch_size", {"batch_size": f["batch_size"]})
    yield pair(f, "max_epochs", {"epochs": f["max_epochs"]})
    yield pair(
        f,
        "type lr momentum weight_decay",
        {
            "optim.name": f["type"].lower(),
            "optim.lr": f["lr"],
            **momentum(f["momentum"]),
            "optim.nesterov": False,
            "optim.weight_decay": f["weight_decay"],
            "optim.decay": "all",
        },
    )
    yield pair(f, "Resize", {"image_size": f["Resize"], "resize": "interpolate"})
    # At the 15th epoch of five, so never.
    yield pair(f, "milestones", {"schedule.name": "constant"})


RECIPES = {
    "lenet5_mnist_5": Published(
        (FILE,),
        Source({}, read),
        {
            "batch_size": 128,
            "max_epochs": 5,
            "type": "SGD",
            "lr": 0.01,
            "momentum": 0.9,
            "weight_decay": 1e-4,
            "milestones": (15,),
            "Resize": 32,
        },
        {"lenet5": Size()},
        datasets=("mnist",),
    ),
}
