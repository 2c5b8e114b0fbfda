"""airbench: CIFAR-10 as fast as it goes. Fields are the constants of airbench94_muon.py.

`epochs` and `whiten_bias_epochs` are the 8 and 3 that it multiplies the steps of an epoch by.
"""

from collections.abc import Iterator

from jaxcnn.recipe.published.row import Fields, Pair, Published, Size, Source, pair

PROGRAM = (
    "https://github.com/KellerJordan/cifar10-airbench/blob/"
    "f1c599c4af24aca803e3e65a6a7e52a502e09d0e/airbench94_muon.py"
)


def read(f: Fields) -> Iterator[Pair]:
    yield pair(f, "batch_size", {"batch_size": f["batch_size"]})
    # 200 steps of 50,000 images, 198 of the 45,000 that are not held out.
    yield pair(
        f,
        "epochs",
        {"epochs": f["epochs"] + 1},
        "all 50,000 images are trained on, a tenth more than here",
    )
    yield pair(
        f,
        "lr momentum nesterov",
        {
            "optim.name": "muon",
            "optim.lr": f["lr"],
            "optim.momentum": f["momentum"],
            "optim.fixed_norm": True,
        },
        "Muon takes three steps of Newton and Schulz, not five",
    )
    yield pair(
        f,
        "bias_lr head_lr sgd_momentum wd",
        {"optim.adam_lr": 0.1, "optim.weight_decay": 0.04},
        "biases and the head are moved by SGD, and decay, where here AdamW moves them",
    )
    yield pair(f, "whiten_bias_epochs", {}, "the first layer's biases are fixed after 3 epochs")
    yield Pair({"lr_at_the_end": 0}, {"schedule.name": "linear"})
    yield pair(f, "label_smoothing", {"augment.label_smoothing": f["label_smoothing"]})
    yield pair(f, "flip", {"augment.flip": True, "augment.flip_alternates": True})
    yield pair(
        f, "translate", {"augment.crop_padding": f["translate"], "augment.padding": "reflect"}
    )
    yield pair(
        f,
        "tta_level",
        {"eval_flip": True},
        "the test is of six views an image, shifted by a pixel too, and validation of one",
    )


RECIPES = {
    "airbench94": Published(
        ("https://arxiv.org/abs/2404.00498", PROGRAM),
        Source({}, read),
        {
            "batch_size": 2000,
            "epochs": 8,
            "lr": 0.24,
            "momentum": 0.6,
            "nesterov": True,
            "bias_lr": 0.053,
            "head_lr": 0.67,
            "sgd_momentum": 0.85,
            "wd": 0.004,
            "whiten_bias_epochs": 3,
            "label_smoothing": 0.2,
            "flip": True,
            "translate": 2,
            "tta_level": 2,
        },
        {"airbench94": Size((94.01,))},
        differs="it computes in half precision",
        datasets=("cifar10",),
    ),
}
