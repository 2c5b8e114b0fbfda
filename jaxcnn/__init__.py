"""Convolutional networks in JAX and Flax, from LeNet to ConvNeXt, and one trainer for all.

    model = jaxcnn.create_model("resnet50")
    summary = jaxcnn.fit(jaxcnn.recipe_for("lenet5", "mnist"), "runs/lenet5")

Importing touches neither a device nor the network: each name is loaded when it is first used.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if sys.argv[:1] == ["-m"]:
    # Python looks for a command; what it imports next is not to be found beside its user's data.
    from jaxcnn.command.launch import leave_working_directory_out

    leave_working_directory_out()

if TYPE_CHECKING:
    from jaxcnn import explain as explain
    from jaxcnn import weights as weights
    from jaxcnn.data import list_datasets as list_datasets
    from jaxcnn.data import register_dataset as register_dataset
    from jaxcnn.data.augment.registry import register_augmentation as register_augmentation
    from jaxcnn.data.own import as_dataset as as_dataset
    from jaxcnn.errors import RunError as RunError
    from jaxcnn.errors import UserError as UserError
    from jaxcnn.models import create_model as create_model
    from jaxcnn.models import list_models as list_models
    from jaxcnn.models import register_model as register_model
    from jaxcnn.models.tools.features import features as features
    from jaxcnn.models.tools.fold_batchnorm import fold_batchnorm as fold_batchnorm
    from jaxcnn.plugins import load_plugin as load_plugin
    from jaxcnn.recipe import Recipe as Recipe
    from jaxcnn.recipe import recipe_for as recipe_for
    from jaxcnn.run.pretrained import load_weights as load_weights
    from jaxcnn.sweeps import sweep as sweep
    from jaxcnn.train.fit import fit as fit
    from jaxcnn.trained.load import load as load
    from jaxcnn.xla.set_up import set_up as set_up

_HOMES = {
    "Recipe": "jaxcnn.recipe",
    "RunError": "jaxcnn.errors",
    "UserError": "jaxcnn.errors",
    "as_dataset": "jaxcnn.data.own",
    "create_model": "jaxcnn.models",
    "features": "jaxcnn.models.tools.features",
    "fit": "jaxcnn.train.fit",
    "fold_batchnorm": "jaxcnn.models.tools.fold_batchnorm",
    "list_datasets": "jaxcnn.data",
    "list_models": "jaxcnn.models",
    "load": "jaxcnn.trained.load",
    "load_plugin": "jaxcnn.plugins",
    "load_weights": "jaxcnn.run.pretrained",
    "recipe_for": "jaxcnn.recipe",
    "register_augmentation": "jaxcnn.data.augment.registry",
    "register_dataset": "jaxcnn.data",
    "register_model": "jaxcnn.models",
    "set_up": "jaxcnn.xla.set_up",
    "sweep": "jaxcnn.sweeps",
}

_PACKAGES = ("explain", "weights")

__all__ = [*_HOMES, *_PACKAGES]  # pyright: ignore[reportUnsupportedDunderAll]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return import_module(f"jaxcnn.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
