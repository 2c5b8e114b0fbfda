"""What a run is: a frozen value, and the defaults for an architecture on a data set.

Every field is a command-line flag of the same name; its docstring is the flag's help.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Literal

from jaxcnn.data import DataDir, dataset_at, dataset_spec, with_labels
from jaxcnn.data.small import num_train_if_small
from jaxcnn.discovery import look_up
from jaxcnn.errors import UserError
from jaxcnn.imagenet_recipes import DEFAULT_FOR, PUBLISHED, Published
from jaxcnn.models import model_spec
from jaxcnn.typed_json import typed


@dataclass(frozen=True)
class Optim:
    """The optimiser; weight decay is of kernels alone unless `decay` says otherwise."""

    name: Literal["sgd", "adamw", "rmsprop", "lamb", "lion", "muon"] = "sgd"
    """Optimiser; lamb's trust ratio is of what decays, as timm's."""
    lr: float = 0.1
    """Peak learning rate, for the batch size as it is."""
    momentum: float = 0.9
    """Momentum of sgd and rmsprop, beta of muon."""
    nesterov: bool = True
    """Sgd: Nesterov's momentum; not in torchvision's recipes."""
    betas: tuple[float, float] | None = None
    """Decay of the averages of adamw, lamb (0.9 and 0.999 if not given) and lion (0.9, 0.99)."""
    eps: float | None = None
    """Added to the divisor; if not given, adamw 1e-8, lamb 1e-6, rmsprop 1e-3 (in the root)."""
    rmsprop_decay: float = 0.9
    """Decay of rmsprop's average of squares; alpha in PyTorch."""
    weight_decay: float = 1e-4
    """L2 penalty added to the gradient for sgd and rmsprop, decoupled decay for the others."""
    decay: Literal["kernels", "all"] = "kernels"
    """What decays: kernels, or all parameters, as in torchvision's recipes."""
    clip_norm: float | None = None
    """Scale the gradient down to this global norm; lamb to 1 if not given."""
    ema_decay: float | None = None
    """Decay per step of an average of the weights and batch statistics, used in evaluation."""
    ema_warmup: bool = True
    """Let the decay grow to its value, being (1 + step) / (10 + step) where that is less: 0.9999
    takes effect after 90,000 steps."""
    momentum_dtype: Literal["float32", "bfloat16"] = "float32"
    """Type of the average of gradients that sgd, adamw, lion and muon keep; bfloat16 halves it."""
    accumulate_steps: int = 1
    """Compute each batch in so many parts, one after the other, to save memory."""


@dataclass(frozen=True)
class Schedule:
    """The learning rate over the run."""

    name: Literal["cosine", "step", "exponential", "constant"] = "cosine"
    """Shape after the warmup."""
    warmup_epochs: float = 0.0
    """Epochs of linear growth to the peak."""
    warmup_lr: float = 0.0
    """Rate at which the warmup starts."""
    warmup_prefix: bool = True
    """The shape begins after the warmup; if not, it began with the run, and the warmup takes the
    place of its start, as timm's cosine has it by default."""
    min_lr: float = 0.0
    """Cosine: the rate at its end."""
    by_epoch: bool = False
    """The rate is that of the epoch's start, all epoch long, as timm and torchvision have it."""
    milestones: tuple[float, ...] = (0.5, 0.75)
    """Step: the fractions of the run at which the rate is multiplied by the factor; one that is
    there twice multiplies twice."""
    factor: float = 0.1
    """Step: what each milestone multiplies by. Exponential: final rate over peak rate."""


@dataclass(frozen=True)
class Augment:
    """What is done to training images and labels."""

    crop_padding: int = 0
    """Pad by so many pixels each side, then crop at random."""
    flip: bool = False
    """Mirror half of the images; refused where mirroring changes the label."""
    policy: str | None = None
    """Random operations on each image: autoaugment (cifar10's for images of one size), randaugment
    (torchvision's), trivialaugment, augmix, or timm's RandAugment as its users type it, for one
    rand-m9-mstd0.5-inc1."""
    magnitude: float = 9
    """Randaugment: how strong an operation is, 0 to 30."""
    magnitude_std: float = 0.0
    """Randaugment: standard deviation around the magnitude."""
    num_ops: int = 2
    """Randaugment: operations an image."""
    color_jitter: float = 0.0
    """How far factors of brightness, contrast and saturation may be from 1."""
    lighting: float = 0.0
    """Standard deviation of ImageNet's principal colours added to an image; AlexNet's is 0.1."""
    grayscale: float = 0.0
    """Probability that an image loses its colours."""
    blur: float = 0.0
    """Probability that an image is blurred."""
    repeats: int = 1
    """Versions of each example in a batch, which then has as many times fewer examples."""
    progressive_size: int | None = None
    """Progressive resizing: image size that training begins with; it ends with image_size."""
    progressive_stages: int = 4
    """Progressive resizing: stages of equal length, the image size growing from one to the next."""
    erase_probability: float = 0.0
    """Random erasing: probability that a rectangle of noise covers part of an image."""
    cutout: int = 0
    """Side in pixels of a grey square put at random on each image; 0 for none."""
    mixup: float = 0.0
    """Mixup's alpha; 0 for none."""
    cutmix: float = 0.0
    """Cutmix's alpha; 0 for none. With mixup too, each batch draws one of the two."""
    label_smoothing: float = 0.0
    """Share of the target spread evenly over all classes."""


@dataclass(frozen=True)
class Model:
    """Of the network, beside its architecture."""

    drop_rate: float | None = None
    """Dropout, where the architecture has it; its own rate if not given."""
    drop_path_rate: float | None = None
    """Stochastic depth at the last block, where the architecture has it; its own if not given."""
    remat: bool = False
    """Compute each block's activations again in the backward pass, which saves their memory."""


@dataclass(frozen=True)
class Mesh:
    """Devices as a grid: batches are split over both axes, parameters over fsdp."""

    data: int = -1
    """Devices that hold copies of the parameters; -1 for all that are left."""
    fsdp: int = 1
    """Devices that share one copy of the parameters, optimiser state and averages."""


@dataclass(frozen=True)
class Recipe:
    """Everything needed to run a training again."""

    arch: str
    """Architecture: one of jaxcnn.list_models()."""
    dataset: str = "digits"
    """Data set; digits needs no download, tfds:NAME is any in the TFDS directory."""
    data_dir: str | None = None
    """TFDS directory ($JAXCNN_DATA_DIR, else TFDS's own default), or the image_folder."""
    labels: str | None = None
    """Classes of an image_folder's pictures: a CSV file with columns path, label, maybe split."""
    epochs: int = 10
    """Passes over the training set."""
    steps: int | None = None
    """Length of the run in optimiser steps, in place of epochs."""
    recipe: str | None = None
    """Published recipe that gives the defaults, one of docs/imagenet.md; rsb_a2 for one."""
    loss: Literal["cross_entropy", "bce"] = "cross_entropy"
    """What training minimises; bce: each class yes or no."""
    bce_threshold: float | None = None
    """Bce: share of the target above which a class is a full yes, and below it a no; 0.2 makes all
    labels of a mixture a yes. The shares themselves if not given."""
    batch_size: int = 128
    """Examples per step, over all devices."""
    image_size: int = 224
    """Height and width in pixels that images are brought to."""
    eval_image_size: int | None = None
    """The same in evaluation; image_size if not given."""
    eval_crop: float | None = None
    """Photographs in evaluation: side of the central crop over the resized shorter side; what the
    pretrained weights ask for, or 0.875, if not given."""
    resize: Literal["interpolate", "pad", "crop"] = "interpolate"
    """How images come to image_size: stretched, padded, or (photographs) a part of them."""
    pretrained: str | None = None
    """Start from these weights: a .safetensors or .pth file, a run's folder, or hf:timm/NAME, with
    @REVISION (a branch, tag or commit) if not its main branch."""
    sampling: Literal["shuffle", "balanced"] = "shuffle"
    """An epoch's examples: each once, or every class equally often, small classes repeated."""
    class_weights: Literal["none", "balanced", "effective"] = "none"
    """Weight of a class in the training loss: by inverse frequency, or effective number."""
    on_error: Literal["raise", "skip"] = "raise"
    """What a picture that cannot be read does: end the run, or be left out and listed; skip
    reads all pictures once before the run."""
    on_nan: Literal["stop", "skip", "rollback"] = "stop"
    """What a step whose loss or gradient is not finite does: end the run, be left out, or take the
    weights back to the last epoch's end, from where the run goes on with the batches that follow.
    """
    seed: int = 0
    """Seed of initial weights, data order, augmentation and dropout."""
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    """Compute type; parameters, statistics and logits stay float32. tf32 is float32 but for the
    products of training on a GPU, which are TF32's."""
    deterministic: bool = False
    """On a GPU too, give the same bits each time, killed or not, at some speed; a CPU always does.
    """
    checkpoint_every_steps: int = 1000
    """Save so often within an epoch; each epoch's end is saved anyway."""
    workers: int | Literal["auto"] = "auto"
    """Processes that prepare batches; 0 uses threads of this one, auto as many as help."""
    parallel: Literal["jit", "pmap"] = "jit"
    """How the training step is compiled for many devices: one program over the mesh, or with
    jax.pmap a copy for each; the result is the same."""
    optim: Optim = field(default_factory=Optim)
    schedule: Schedule = field(default_factory=Schedule)
    augment: Augment = field(default_factory=Augment)
    model: Model = field(default_factory=Model)
    mesh: Mesh = field(default_factory=Mesh)


# Where a run happens, not what it computes: a run may go on with others of these. And with another
# `on_nan`: up to where a run stopped for lack of one, all compute the same.
PLACE_FIELDS = (
    "data_dir",
    "labels",
    "workers",
    "parallel",
    "mesh",
    "checkpoint_every_steps",
    "on_nan",
)


def data_place(recipe: Recipe) -> DataDir:
    """Where a recipe's data is, for `dataset_at` and `load_split`. Raises UserError for labels of a
    set that knows its own."""
    return with_labels(recipe.dataset, recipe.data_dir, recipe.labels)


# The largest side, in pixels, of the data sets that have thumbnails rather than photographs.
THUMBNAIL = 32

_ADAMW_WITH_AVERAGES: dict[str, Any] = {
    "epochs": 30,
    "batch_size": 64,
    "optim": Optim("adamw", lr=2e-3, weight_decay=5e-2, ema_decay=0.99),
    "schedule": Schedule("cosine", warmup_epochs=2.0),
    "augment": Augment(crop_padding=2, label_smoothing=0.1),
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
    (
        "lenet*",
        "*",
        {
            "epochs": 15,
            "batch_size": 128,
            "optim": Optim("adamw", lr=3e-3, weight_decay=1e-2),
            "schedule": Schedule("cosine", warmup_epochs=1.0),
            "augment": Augment(crop_padding=2),
        },
    ),
    (
        "resnet*",
        "cifar*",
        {
            "epochs": 182,
            # The paper's SGD (rate 0.1, decay 1e-4) learns less in a short run: after two epochs
            # resnet20 has validated at 0.75 with Muon, at 0.68 to 0.72 with SGD.
            "batch_size": 128,
            "optim": Optim("muon", lr=0.02, weight_decay=0.01),
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

# Photographs: what tunes pretrained weights to a small set of them, and trains from scratch.
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


def recipe_for(
    arch: str,
    dataset: str = "digits",
    data_dir: str | None = None,
    recipe: str | None = None,
    *,
    labels: str | None = None,
) -> Recipe:
    """The default recipe of an architecture on a data set.

    A tuned entry where there is one, else the family's default for such images. Of a set called
    "tfds:NAME" only its folder in `data_dir` tells which images those are, and of an image folder
    (whose classes `labels` may tell, see `Recipe`) how many there are: a small one gets a smaller
    batch. `recipe` names a published one of
    `jaxcnn.imagenet_recipes`; on ImageNet an architecture's own is its default.
    Raises UserError for an unknown name.
    """
    model = model_spec(arch)
    data = dataset_at(dataset, data_dir) if dataset.startswith("tfds:") else dataset_spec(dataset)
    if recipe is None and dataset == "imagenet2012":
        recipe = DEFAULT_FOR.get(arch)
    if recipe is not None:
        published = look_up(PUBLISHED, recipe, "recipe")
        if data.image_size is not None or data.multi_label:
            raise UserError(
                f"--recipe={recipe} is for photographs of one class each; {dataset} is not that"
            )
        return _published_recipe(arch, dataset, recipe, published)
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
    image_size = min(model.thumbnail_size, max(model.image_size, data.image_size))
    return Recipe(
        arch,
        dataset,
        image_size=image_size,
        # A few pixels are added as a margin, as LeNet has it; more by interpolation.
        resize="pad" if image_size < 1.5 * data.image_size else "interpolate",
        **_first_match(THUMBNAIL_RECIPES, arch, dataset),
    )


def small_batch(num_train: int, *, most: int) -> int:
    """The batch size for so many training images: ten steps an epoch, or more.

    A power of two, so that a few pictures more or less seldom change it; 4 at the least, for batch
    normalisation, or all images if they are fewer; and `most` at the most.
    """
    least = min(4, num_train)
    tenth = max(1, num_train // 10)
    return max(least, min(most, 2 ** (tenth.bit_length() - 1)))


def _published_recipe(arch: str, dataset: str, name: str, published: Published) -> Recipe:
    groups = {"optim": Optim, "schedule": Schedule, "augment": Augment, "model": Model}
    changes = {
        field: groups[field](**value) if field in groups else value
        for field, value in published.settings.items()
    }
    return Recipe(arch, dataset, recipe=name, resize="crop", **changes)


def _first_match(
    rows: tuple[tuple[str, str, dict[str, Any]], ...], arch: str, dataset: str
) -> dict[str, Any]:
    return next(
        changes
        for arch_pattern, dataset_pattern, changes in rows
        if fnmatchcase(arch, arch_pattern) and fnmatchcase(dataset, dataset_pattern)
    )


# Beyond what anyone trains with: a recipe may be a stranger's, and memory is taken for it.
LARGEST_SIDE = 16_384  # Pixels.
LARGEST_BATCH = 2**20
MOST_WORKERS = 1024
MOST_MILESTONES = 1_000


def check(recipe: Recipe) -> None:
    """Raises UserError, naming the flag, where a recipe's values cannot work."""
    optim, schedule, augment = recipe.optim, recipe.schedule, recipe.augment
    eval_crop = {"eval-crop": recipe.eval_crop} if recipe.eval_crop is not None else {}
    sizes = {"image-size": recipe.image_size}
    if recipe.eval_image_size is not None:
        sizes["eval-image-size"] = recipe.eval_image_size
    workers = {"workers": recipe.workers} if recipe.workers != "auto" else {}
    positive = {
        "epochs": recipe.epochs,
        "batch-size": recipe.batch_size,
        **sizes,
        "checkpoint-every-steps": recipe.checkpoint_every_steps,
        "optim.lr": optim.lr,
        "optim.accumulate-steps": optim.accumulate_steps,
        "augment.num-ops": augment.num_ops,
        "augment.repeats": augment.repeats,
        "augment.progressive-stages": augment.progressive_stages,
        "mesh.fsdp": recipe.mesh.fsdp,
        **eval_crop,
        **({"steps": recipe.steps} if recipe.steps is not None else {}),
        **({"optim.clip-norm": optim.clip_norm} if optim.clip_norm is not None else {}),
        **({"optim.eps": optim.eps} if optim.eps is not None else {}),
    }
    not_negative = {
        **workers,
        "optim.weight-decay": optim.weight_decay,
        "schedule.warmup-epochs": schedule.warmup_epochs,
        "schedule.warmup-lr": schedule.warmup_lr,
        "schedule.min-lr": schedule.min_lr,
        "schedule.factor": schedule.factor,
        "augment.crop-padding": augment.crop_padding,
        "augment.magnitude-std": augment.magnitude_std,
        "augment.color-jitter": augment.color_jitter,
        "augment.lighting": augment.lighting,
        "augment.cutout": augment.cutout,
        "augment.mixup": augment.mixup,
        "augment.cutmix": augment.cutmix,
    }
    fractions = {
        "optim.momentum": optim.momentum,
        "augment.erase-probability": augment.erase_probability,
        "augment.grayscale": augment.grayscale,
        "augment.blur": augment.blur,
        "augment.label-smoothing": augment.label_smoothing,
        **eval_crop,
        **{
            f"model.{name.replace('_', '-')}": rate
            for name, rate in model_overrides(recipe).items()
            if name != "remat"
        },
        **({"optim.ema-decay": optim.ema_decay} if optim.ema_decay is not None else {}),
        "optim.rmsprop-decay": optim.rmsprop_decay,
        **({"bce-threshold": recipe.bce_threshold} if recipe.bce_threshold is not None else {}),
    }
    # At 1 an average would be the first gradient for ever, over zero.
    below_one = {"optim.betas": optim.betas} if optim.betas is not None else {}
    rules: tuple[tuple[dict[str, Any], Callable[[Any], bool], str], ...] = (
        (positive, lambda value: 0 < value < math.inf, "above 0"),
        (not_negative, lambda value: 0 <= value < math.inf, "0 or more"),
        (fractions, lambda value: 0 <= value <= 1, "between 0 and 1"),
        (below_one, lambda both: all(0 <= beta < 1 for beta in both), "0 or more and below 1"),
        ({"augment.magnitude": augment.magnitude}, lambda value: 0 <= value <= 30, "0 to 30"),
        ({"seed": recipe.seed}, lambda value: 0 <= value < 2**63, "0 to 9223372036854775807"),
        (sizes, lambda value: value <= LARGEST_SIDE, f"at most {LARGEST_SIDE}"),
        (
            {"batch-size": recipe.batch_size},
            lambda value: value <= LARGEST_BATCH,
            f"at most {LARGEST_BATCH}",
        ),
        (workers, lambda value: value <= MOST_WORKERS, f"at most {MOST_WORKERS}"),
    )
    for values, holds, expected in rules:
        for flag, value in values.items():
            if not holds(value):
                raise UserError(f"--{flag}={value} is out of range; it must be {expected}")
    if len(schedule.milestones) > MOST_MILESTONES or not all(
        0 <= milestone <= 1 for milestone in schedule.milestones
    ):
        raise UserError(
            f"--schedule.milestones is out of range; it must be at most {MOST_MILESTONES} "
            "fractions of the run, between 0 and 1"
        )
    smallest = augment.progressive_size
    if smallest is not None and not 1 <= smallest <= recipe.image_size:
        raise UserError(
            f"--augment.progressive-size={smallest} is out of range; "
            f"it must be 1 to --image-size={recipe.image_size}"
        )
    if schedule.min_lr > optim.lr:
        raise UserError(
            f"--schedule.min-lr={schedule.min_lr} is above the peak rate, --optim.lr={optim.lr}"
        )
    _refuse_what_counts_for_nothing(optim, schedule)
    _check_policy(augment)
    if optim.momentum_dtype != "float32" and optim.name in ("rmsprop", "lamb"):
        raise UserError(
            f"--optim.momentum-dtype={optim.momentum_dtype} is for sgd, adamw, lion and muon; "
            f"{optim.name} keeps float32"
        )
    if recipe.parallel == "pmap" and recipe.mesh.fsdp > 1:
        raise UserError(
            "--parallel=pmap copies the state to every device; "
            f"--mesh.fsdp={recipe.mesh.fsdp} takes --parallel=jit"
        )
    if recipe.sampling == "balanced" and recipe.class_weights != "none":
        raise UserError(
            f"--sampling=balanced and --class-weights={recipe.class_weights} would make up for "
            "small classes twice; give one of them"
        )
    if recipe.loss == "bce" and recipe.class_weights != "none":
        raise UserError(
            f"--class-weights={recipe.class_weights} weighs cross-entropy; "
            "it does not go with --loss=bce"
        )
    if recipe.bce_threshold is not None and recipe.loss != "bce":
        raise UserError(f"--bce-threshold={recipe.bce_threshold} goes with --loss=bce")
    if recipe.sampling == "balanced" and augment.repeats > 1:
        raise UserError(
            "--sampling=balanced has an order of its own; "
            f"--augment.repeats={augment.repeats} does not go with it"
        )


def _refuse_what_counts_for_nothing(optim: Optim, schedule: Schedule) -> None:
    """Raises UserError for a flag of another optimiser or schedule than the one that was chosen."""
    of_others = (
        ("optim.nesterov", not optim.nesterov, ("sgd",), optim.name),
        ("optim.betas", optim.betas is not None, ("adamw", "lamb", "lion"), optim.name),
        ("optim.eps", optim.eps is not None, ("adamw", "lamb", "rmsprop"), optim.name),
        ("optim.rmsprop-decay", optim.rmsprop_decay != 0.9, ("rmsprop",), optim.name),
        ("schedule.min-lr", schedule.min_lr != 0.0, ("cosine",), schedule.name),
    )
    for flag, is_given, has_it, chosen in of_others:
        if is_given and chosen not in has_it:
            raise UserError(f"--{flag} is of {', '.join(has_it)}; {chosen} does not use it")


def _check_policy(augment: Augment) -> None:
    if augment.policy is None:
        return
    # Here, for OpenCV is imported by it.
    from jaxcnn.data.policies import make_policy

    try:
        make_policy(
            augment.policy,
            thumbnails=False,
            magnitude=augment.magnitude,
            magnitude_std=augment.magnitude_std,
            num_ops=augment.num_ops,
        )
    except UserError as error:
        raise UserError(f"--augment.policy: {error}") from error


def compute_dtype(recipe: Recipe) -> str:
    """The name of the type that the model computes in."""
    return "float32" if recipe.precision == "tf32" else recipe.precision


def model_overrides(recipe: Recipe) -> dict[str, Any]:
    """What `create_model` is told beside the architecture's own values."""
    given = asdict(recipe.model).items()
    return {name: value for name, value in given if value is not None and value is not False}


def to_json(recipe: Recipe) -> dict[str, Any]:
    """Nested dictionaries of plain values, as `recipe.json` holds them."""
    return asdict(recipe)


def from_json(values: Any) -> Recipe:
    """The recipe that `to_json` made `values` of.

    Raises UserError for fields it does not know, of another type, or that cannot work.
    """
    if isinstance(values, dict) and values.get("loss") == "bce":
        # A version before it was a field always had this threshold.
        values = {"bce_threshold": 0.2, **values}
    try:
        recipe = typed(Recipe, values, "")
        check(recipe)
    except UserError as error:
        raise UserError(f"not a recipe of this version: {error}") from error
    return recipe


def differences(one: Recipe, other: Recipe) -> list[str]:
    """Flags in which two recipes compute different things, with both values."""
    return [
        f"--{name}: {mine} != {theirs}"
        for (name, mine), (_, theirs) in zip(_flat(one), _flat(other), strict=True)
        if mine != theirs and name.split(".")[0].replace("-", "_") not in PLACE_FIELDS
    ]


def _flat(config: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """(flag, value) of every field, nested ones as group.flag."""
    flat: list[tuple[str, Any]] = []
    for entry in fields(config):
        value, name = getattr(config, entry.name), prefix + entry.name.replace("_", "-")
        flat += _flat(value, f"{name}.") if is_dataclass(value) else [(name, value)]
    return flat
