"""Which values a recipe may have."""

import math
from collections.abc import Callable
from typing import Any

from jaxcnn.errors import UserError
from jaxcnn.recipe.fields import Augment, Optim, Recipe, Schedule, model_overrides

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
        "log-every-steps": recipe.log_every_steps,
        "optim.lr": optim.lr,
        "optim.adam-lr": optim.adam_lr,
        "optim.accumulate-steps": optim.accumulate_steps,
        "augment.num-ops": augment.num_ops,
        "augment.repeats": augment.repeats,
        "augment.progressive-stages": augment.progressive_stages,
        "mesh.fsdp": recipe.mesh.fsdp,
        **({"model.patch": recipe.model.patch} if recipe.model.patch is not None else {}),
        **({"model.window": recipe.model.window} if recipe.model.window is not None else {}),
        **eval_crop,
        **({"steps": recipe.steps} if recipe.steps is not None else {}),
        **({"optim.layer-decay": optim.layer_decay} if optim.layer_decay is not None else {}),
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
        **({"optim.momentum": optim.momentum} if optim.momentum is not None else {}),
        "augment.erase-probability": augment.erase_probability,
        "augment.grayscale": augment.grayscale,
        "augment.blur": augment.blur,
        "augment.label-smoothing": augment.label_smoothing,
        **eval_crop,
        **{
            f"model.{name.replace('_', '-')}": rate
            for name, rate in model_overrides(recipe).items()
            if name.endswith("_rate")
        },
        **({"optim.layer-decay": optim.layer_decay} if optim.layer_decay is not None else {}),
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
        ("optim.adam-lr", optim.adam_lr != Optim.adam_lr, ("muon",), optim.name),
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
    from jaxcnn.data.augment.policies import make_policy

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
