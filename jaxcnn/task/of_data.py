"""Which task a data set sets, and what a recipe makes of it."""

import numpy as np

from jaxcnn.data import DatasetSpec
from jaxcnn.data.preprocessing import Preprocessing
from jaxcnn.errors import UserError
from jaxcnn.recipe import Recipe
from jaxcnn.task.classification import Classification
from jaxcnn.task.losses import binary_cross_entropy, cross_entropy, sigmoid_cross_entropy
from jaxcnn.task.mixing import make_mix
from jaxcnn.task.multi_label import MultiLabel
from jaxcnn.task.task import Task


def task_of(data: DatasetSpec, preprocessing: Preprocessing) -> Task:
    """What is evaluated on a data set, of weights that want images normalised so."""
    kind = MultiLabel if data.multi_label else Classification
    return kind(data.num_classes, preprocessing)


def training_task_of(
    recipe: Recipe,
    data: DatasetSpec,
    preprocessing: Preprocessing,
    class_weights: np.ndarray | None = None,
) -> Task:
    """The same as the recipe trains it. `class_weights`, float [K], count in training only.

    Raises UserError for what the recipe asks of another task; see `check_task`.
    """
    check_task(recipe, data)
    augment = recipe.augment
    smoothing = augment.label_smoothing
    mix = make_mix(mixup_alpha=augment.mixup, cutmix_alpha=augment.cutmix)
    if data.multi_label:
        loss = sigmoid_cross_entropy(smoothing)
        return MultiLabel(data.num_classes, preprocessing, loss, mix=mix)
    if recipe.loss == "bce":
        loss = binary_cross_entropy(smoothing, recipe.bce_threshold)
    else:
        loss = cross_entropy(smoothing, class_weights)
    # PyTorch averages over the examples where targets are shares of classes.
    divides_by = class_weights if mix is None else None
    return Classification(data.num_classes, preprocessing, loss, divides_by, mix)


def check_task(recipe: Recipe, data: DatasetSpec) -> None:
    """Raises UserError for what makes no sense where an image shows several classes, or where
    mirroring changes its class."""
    if recipe.eval_flip and not data.flip:
        raise UserError(f"--eval-flip mirrors images, which changes the label of {data.name}")
    if not data.multi_label:
        return
    if (recipe.sampling, recipe.class_weights) != ("shuffle", "none"):
        raise UserError(
            f"--sampling and --class-weights take one class an image; {recipe.dataset} has several"
        )
    if recipe.loss != "cross_entropy":
        raise UserError(
            f"--loss={recipe.loss} takes one class an image; {recipe.dataset} has several, which "
            "are yes or no each, whatever the loss: leave it out"
        )
