"""What a run is, as a value: its fields, an architecture's defaults, what is checked and kept.

recipe = recipe_for("resnet20", "cifar10")
"""

from jaxcnn.recipe.check import check
from jaxcnn.recipe.defaults import DEFAULTED_FIELDS, note_of_default, recipe_for, small_batch
from jaxcnn.recipe.fields import (
    LARGEST_SIDE,
    PLACE_FIELDS,
    Augment,
    Mesh,
    Model,
    Optim,
    Recipe,
    Schedule,
    compute_dtype,
    data_place,
    momentum_of,
)
from jaxcnn.recipe.model import model_overrides, with_model
from jaxcnn.recipe.older import other_loss, other_optimizer, other_sizes
from jaxcnn.recipe.saved import differences, from_json, to_json
from jaxcnn.recipe.thumbnails import is_thumbnail, thumbnail_cure

__all__ = [
    "DEFAULTED_FIELDS",
    "LARGEST_SIDE",
    "PLACE_FIELDS",
    "Augment",
    "Mesh",
    "Model",
    "Optim",
    "Recipe",
    "Schedule",
    "check",
    "compute_dtype",
    "data_place",
    "differences",
    "from_json",
    "is_thumbnail",
    "model_overrides",
    "momentum_of",
    "note_of_default",
    "other_loss",
    "other_sizes",
    "other_optimizer",
    "recipe_for",
    "small_batch",
    "thumbnail_cure",
    "to_json",
    "with_model",
]
