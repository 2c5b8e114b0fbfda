"""The recipe that an architecture gets on a data set: the rows, and which of them counts."""

import json
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from jaxcnn.data import DatasetSpec, dataset_at, dataset_spec
from jaxcnn.data.sources.small import num_train_if_small
from jaxcnn.discovery import look_up
from jaxcnn.errors import UserError
from jaxcnn.files import own_files
from jaxcnn.files.paths import expanded
from jaxcnn.models import model_spec
from jaxcnn.recipe.fields import Augment, Model, Optim, Recipe, Schedule
from jaxcnn.recipe.finetune import LEAST_BATCH_FOR_NORMS, UNCOUNTED_EPOCHS, length_of, tuning_of
from jaxcnn.recipe.published import DEFAULT_FOR, PUBLISHED, Published
from jaxcnn.recipe.saved import from_json
from jaxcnn.recipe.thumbnails import MOST as THUMBNAIL_SIDE
from jaxcnn.recipe.thumbnails import thumbnail_model
from jaxcnn.weights.sources import stated_image_size

_ADAMW_WITH_AVERAGES: dict[str, Any] = {
    "epochs": 30,
    "batch_size": 64,
    "optim": Optim("adamw", lr=2e-3, weight_decay=5e-2, ema_decay=0.99),
    "schedule": Schedule("cosine", warmup_epochs=2.0),
    "augment": Augment(crop_padding=2, label_smoothing=0.1),
}

_LENET: dict[str, Any] = {
    "epochs": 15,
    "batch_size": 128,
    "optim": Optim("adamw", lr=3e-3, weight_decay=1e-2),
    "schedule": Schedule("cosine", warmup_epochs=1.0),
    "augment": Augment(crop_padding=2),
}

# Thumbnails: (architecture pattern, data set pattern, changes to the defaults); the first row that
# fits both counts.
THUMBNAIL_RECIPES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "linear",
        "*",
        {"epochs": 10, "batch_size": 128, "optim": Optim("adamw", lr=1e-3, weight_decay=1e-4)},
    ),
    (
        "mlp",
        "*",
        {"epochs": 15, "batch_size": 128, "optim": Optim("adamw", lr=1e-3, weight_decay=1e-2)},
    ),
    # In which they reach 0.991 and 0.985 of the test digits.
    ("lenet5", "mnist", {**_LENET, "epochs": 12}),
    ("lenet_1989", "mnist", {**_LENET, "epochs": 10}),
    ("lenet*", "*", _LENET),
    (
        "resnet*",
        "cifar*",
        {
            "epochs": 182,
            # The paper's SGD (rate 0.1, decay 1e-4) learns less in a short run. Three epochs of
            # resnet20, seeds 0 to 2, validate at 0.7822 with this rate for what is no matrix, and
            # at 0.7840 where Muon moves that too (paired difference 0.0018 ± 0.0052); at 0.770
            # (two seeds) with its author's 3e-4.
            "batch_size": 128,
            "optim": Optim("muon", lr=0.02, adam_lr=0.02, weight_decay=0.01),
            "schedule": Schedule("cosine", warmup_epochs=0.3),
            "augment": Augment(crop_padding=4, flip=True),
        },
    ),
    (
        "*efficientnet*",
        "digits",
        {
            **_ADAMW_WITH_AVERAGES,
            "epochs": 20,
            "optim": Optim("adamw", lr=4e-3, weight_decay=5e-2, ema_decay=0.99),
        },
    ),
    (
        "*",
        "cifar*",
        {
            "epochs": 100,
            "batch_size": 128,
            "optim": Optim("adamw", lr=2e-3, weight_decay=5e-2, ema_decay=0.999),
            "schedule": Schedule("cosine", warmup_epochs=5.0),
            "augment": Augment(crop_padding=4, flip=True, label_smoothing=0.1),
        },
    ),
    ("*", "*", _ADAMW_WITH_AVERAGES),
)

# Photographs.
PHOTOGRAPH_RECIPE: dict[str, Any] = {
    "epochs": 30,
    "batch_size": 64,
    "optim": Optim("adamw", lr=3e-4, weight_decay=5e-2, ema_decay=0.99),
    "schedule": Schedule("cosine", warmup_epochs=2.0),
    "augment": Augment(flip=True, label_smoothing=0.1),
}


# Photographs that show several classes: whole, for a crop may lose what the labels say, and with
# targets left as they are.
MULTI_LABEL_RECIPE: dict[str, Any] = PHOTOGRAPH_RECIPE | {"augment": Augment(flip=True)}


# What `recipe_for` decides; where it says nothing of one, a field's own default stands.
DEFAULTED_FIELDS = (
    "epochs",
    "loss",
    "bce_threshold",
    "batch_size",
    "image_size",
    "eval_image_size",
    "eval_crop",
    "resize",
    "precision",
    "finetune",
    "optim",
    "schedule",
    "augment",
    "model",
)


def recipe_for(
    arch: str,
    dataset: str | DatasetSpec = "digits",
    data_dir: str | None = None,
    recipe: str | None = None,
    *,
    labels: str | None = None,
    pretrained: str | None = None,
) -> Recipe:
    """The default recipe of an architecture on a data set, by name or as a row.

    A tuned entry where there is one, else the family's default for such images. Of a set called
    "tfds:NAME" only its folder in `data_dir` tells which images those are, and of an image folder
    (whose classes `labels` may tell, see `Recipe`) how many there are: a small one gets a smaller
    batch. `recipe` names a published one of `jaxcnn.recipe.published`; on ImageNet an
    architecture's own is its default. From `pretrained` weights, where no recipe is named, it is
    the family's of `jaxcnn.recipe.finetune`, at the size that they ask for.
    Raises UserError for an unknown name, and for a recipe of other images.
    """
    model = model_spec(arch)
    if isinstance(dataset, DatasetSpec):
        data, dataset = dataset, dataset.name
    else:
        of_folder = dataset.startswith("tfds:")
        data = dataset_at(dataset, data_dir) if of_folder else dataset_spec(dataset)
    if recipe is None and pretrained is not None:
        num_train = data.num_train or num_train_if_small(dataset, data_dir, labels)
        return _fine_tuning_recipe(arch, dataset, data, pretrained, num_train)
    if recipe is None and dataset == "imagenet2012":
        recipe = DEFAULT_FOR.get(arch)
    if recipe is not None:
        published = look_up(PUBLISHED, recipe, "recipe")
        _check_purpose(recipe, published, data)
        return replace(_published_recipe(arch, dataset, recipe, published), pretrained=pretrained)
    if data.multi_label:
        return Recipe(
            arch, dataset, image_size=model.image_size, resize="interpolate", **MULTI_LABEL_RECIPE
        )
    if data.image_size is None:
        photographs = Recipe(
            arch, dataset, image_size=model.image_size, resize="crop", **PHOTOGRAPH_RECIPE
        )
        if dataset != "image_folder" or not (
            number := num_train_if_small(dataset, data_dir, labels)
        ):
            return photographs
        return replace(photographs, batch_size=small_batch(number, most=photographs.batch_size))
    # Enlarging thumbnails to what an ImageNet model was trained at costs 49 times the arithmetic
    # and adds no information.
    of_network = thumbnail_model(arch, data.image_size)
    least = model.thumbnail_size if of_network.patch is None else THUMBNAIL_SIDE
    image_size = min(least, max(model.image_size, data.image_size))
    return Recipe(
        arch,
        dataset,
        image_size=image_size,
        resize=_fit(data, image_size),
        model=of_network,
        **_first_match(THUMBNAIL_RECIPES, arch, dataset),
    )


def note_of_default(recipe: Recipe) -> str | None:
    """A line for a run on ImageNet whose architecture has no published recipe; None for others."""
    if recipe.dataset != "imagenet2012" or recipe.recipe is not None or recipe.pretrained:
        return None
    return (
        f"no published recipe that trains {recipe.arch} on {recipe.dataset} from scratch is known "
        f"here: what no flag gives is that of small sets of photographs, {recipe.optim.name}, "
        f"{recipe.epochs} epochs, batches of {recipe.batch_size}; --recipe=NAME takes another's "
        "(docs/imagenet.md)"
    )


def small_batch(num_train: int, *, most: int) -> int:
    """The batch size for so many training images: ten steps an epoch, or more.

    A power of two, so that a few pictures more or less seldom change it; 4 at the least, for batch
    normalisation, or all images if they are fewer; and `most` at the most.
    """
    least = min(4, num_train)
    tenth = max(1, num_train // 10)
    return max(least, min(most, 2 ** (tenth.bit_length() - 1)))


def _check_purpose(name: str, published: Published, data: DatasetSpec) -> None:
    """Raises UserError for a recipe of other images than a data set's."""
    for_thumbnails = "imagenet2012" not in published.datasets
    if for_thumbnails and data.name not in published.datasets:
        sets = " and ".join(published.datasets)
        raise UserError(f"--recipe={name} is for {sets}; {data.name} is not that")
    if not for_thumbnails and (data.image_size is not None or data.multi_label):
        raise UserError(
            f"--recipe={name} is for photographs of one class each; {data.name} is not that"
        )


def _fine_tuning_recipe(
    arch: str, dataset: str, data: DatasetSpec, pretrained: str, num_train: int | None
) -> Recipe:
    tuning, length = tuning_of(arch), length_of(num_train)
    batch_size, epochs = length.batch_size, UNCOUNTED_EPOCHS
    if num_train:
        batch_size = small_batch(num_train, most=batch_size)
        epochs = max(1, round(length.steps / (num_train // batch_size)))
    of_weights = _known_of_weights(pretrained)
    image_size = of_weights.pop("image_size", None) or model_spec(arch).image_size
    augment = Augment(flip=data.flip)
    if data.image_size is not None:
        # As four pixels of 32.
        augment = replace(augment, crop_padding=image_size // 8)
    if not data.multi_label:
        mixup = tuning.mixup if length.mixes else 0.0
        augment = replace(augment, label_smoothing=tuning.label_smoothing, mixup=mixup)
    return Recipe(
        arch,
        dataset,
        epochs=epochs,
        batch_size=batch_size,
        image_size=image_size,
        resize=_fit(data, image_size),
        pretrained=pretrained,
        finetune="full" if batch_size >= LEAST_BATCH_FOR_NORMS else "frozen-norms",
        optim=tuning.optim,
        schedule=Schedule("cosine", warmup_epochs=round(length.warmup * epochs, 2)),
        augment=augment,
        **of_weights,
    )


def _known_of_weights(source: str) -> dict[str, Any]:
    """Fields that the weights at `source` decide, as far as they say so before they are read.

    What cannot be read is refused where the weights are needed.
    """
    run = Path(expanded(source)) / "recipe.json"
    with suppress(UserError, OSError, ValueError, RecursionError):
        if not run.is_file():
            return {"image_size": stated_image_size(source)}
        begun = from_json(json.loads(own_files.read(run)))
        before = begun.model
        model = Model(
            stem=before.stem, patch=before.patch, window=before.window, fields=before.fields
        )
        return {"image_size": begun.image_size, "model": model}
    return {}


def _fit(data: DatasetSpec, image_size: int) -> Literal["interpolate", "pad", "crop"]:
    """How images of one size, or photographs, come to `image_size`."""
    if data.image_size is not None:
        # A few pixels are added as a margin, as LeNet has it; more by interpolation.
        return "pad" if data.image_size <= image_size < 1.5 * data.image_size else "interpolate"
    # Of several labels a crop may lose some.
    return "interpolate" if data.multi_label else "crop"


def _published_recipe(arch: str, dataset: str, name: str, published: Published) -> Recipe:
    kinds = {"optim": Optim, "schedule": Schedule, "augment": Augment, "model": Model}
    groups: dict[str, dict[str, Any]] = {kind: {} for kind in kinds}
    changes: dict[str, Any] = {}
    if "imagenet2012" in published.datasets:
        changes |= {"image_size": model_spec(arch).image_size, "resize": "crop"}
    else:
        default = recipe_for(arch, dataset)
        changes |= {"image_size": default.image_size, "resize": default.resize}
    for setting, value in published.settings(arch).items():
        group, _, field = setting.rpartition(".")
        (groups[group] if group else changes)[field] = value
    changes |= {group: kinds[group](**fields) for group, fields in groups.items()}
    return Recipe(arch, dataset, recipe=name, **changes)


def _first_match(
    rows: tuple[tuple[str, str, dict[str, Any]], ...], arch: str, dataset: str
) -> dict[str, Any]:
    return next(
        changes
        for arch_pattern, dataset_pattern, changes in rows
        if fnmatchcase(arch, arch_pattern) and fnmatchcase(dataset, dataset_pattern)
    )
