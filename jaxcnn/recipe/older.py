"""What recipes of older versions mean in this one, and what of their runs cannot be had any more.

A version is told by a field that the file lacks. Muon's own rate, the batch's weight in the loss
and the places of a transformer's dropout came together.
"""

from collections.abc import Mapping
from typing import Any

from jaxcnn.data.augment.progressive import LARGEST_THUMBNAIL
from jaxcnn.recipe.fields import Recipe


def in_this_version(values: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of a recipe, their fields as this version understands them."""
    changed: dict[str, Any] = {}
    if values.get("loss") == "bce":
        # A version before it was a field always had this threshold.
        changed["bce_threshold"] = values.get("bce_threshold", 0.2)
    optim, model = values.get("optim"), values.get("model")
    if isinstance(optim, dict) and "adam_lr" not in optim:
        if optim.get("name") == "muon" and "lr" in optim:
            # The rate of whatever was no kernel.
            changed["optim"] = {**optim, "adam_lr": optim["lr"]}
        elif optim.get("momentum") == 0.9:
            changed["optim"] = {**optim, "momentum": None}
    is_transformer = str(values.get("arch")).startswith(("vit_", "swin_"))
    if is_transformer and isinstance(model, dict) and "proj_drop_rate" not in model:
        # It was of all places but the head and the attention's softmax.
        rate = model.get("drop_rate")
        of_blocks = {"drop_rate": None, "pos_drop_rate": rate, "proj_drop_rate": rate}
        changed["model"] = {**model, **of_blocks}
    return {**values, **changed}


def other_optimizer(values: Mapping[str, Any], recipe: Recipe) -> str | None:
    """What the optimiser of a run was, where it was none of this version's; None if it is one.

    `recipe` is what `values` are in this version.
    """
    if recipe.optim.name != "muon" or _has_adam_lr(values):
        return None
    return "whose muon moved all parameters at one rate (--optim.adam-lr is newer)"


def other_loss(values: Mapping[str, Any], recipe: Recipe) -> str | None:
    """How the loss of a run goes on, where its version had another; None if it had the same."""
    mixes = recipe.augment.mixup > 0 or recipe.augment.cutmix > 0
    is_same = mixes and recipe.augment.label_smoothing == 0
    if recipe.class_weights == "none" or is_same or _has_adam_lr(values):
        return None
    return (
        f"--class-weights={recipe.class_weights} counts in the training loss as in PyTorch's "
        "CrossEntropyLoss, not as in the version that began the run"
    )


def other_sizes(values: Mapping[str, Any], recipe: Recipe) -> str | None:
    """How the images of a run grow, where its version had it otherwise; None if it had not."""
    first, last = recipe.augment.progressive_size, recipe.image_size
    grow = first not in (None, last) and last <= LARGEST_THUMBNAIL
    # A field that came with the change.
    if not grow or "flip_alternates" in values.get("augment", {}):
        return None
    return (
        f"images grow to {last} pixels by fours, not by sixteens as in the version that began the "
        "run"
    )


def _has_adam_lr(values: Mapping[str, Any]) -> bool:
    return "adam_lr" in values.get("optim", {})
