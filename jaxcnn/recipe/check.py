"""Which values a recipe may have: each field its range, and which go together."""

import re

from jaxcnn.data import read_fold
from jaxcnn.errors import UserError
from jaxcnn.ranges import check_ranges
from jaxcnn.recipe.fields import Augment, Optim, Recipe, Schedule
from jaxcnn.recipe.model import check_model
from jaxcnn.text.phrases import MOST_OF_A_NAME, printable


def check(recipe: Recipe) -> None:
    """Raises UserError, naming the flag, where a recipe's values cannot work."""
    optim, schedule, augment = recipe.optim, recipe.schedule, recipe.augment
    check_ranges(recipe)
    check_model(recipe)
    smallest = augment.progressive_size
    if smallest is not None and not 1 <= smallest <= recipe.image_size:
        raise UserError(
            f"--augment.progressive-size={smallest} is out of range; "
            f"it must be 1 to --image-size={recipe.image_size}"
        )
    if augment.padding != "black" and not augment.crop_padding:
        raise UserError(f"--augment.padding={augment.padding} goes with --augment.crop-padding")
    if augment.flip_alternates and not augment.flip:
        raise UserError("--augment.flip-alternates goes with --augment.flip")
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
    if optim.swa_start is not None:
        _check_swa(recipe)
    if recipe.fold is not None:
        read_fold(recipe.fold)
    shown = printable(recipe.finetune, MOST_OF_A_NAME)
    if recipe.finetune != "full" and recipe.pretrained is None:
        raise UserError(f"--finetune={shown} keeps weights as they are; give those by --pretrained")
    try:
        re.compile(recipe.finetune)
    except re.error as error:
        raise UserError(
            f"--finetune={shown} is none of full, frozen-norms, head and last-N, and no regular "
            f"expression: {error}"
        ) from error
    _check_distillation(recipe)
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
        ("optim.fixed-norm", optim.fixed_norm, ("muon",), optim.name),
        ("optim.nesterov", not optim.nesterov, ("sgd",), optim.name),
        ("optim.betas", optim.betas is not None, ("adamw", "lamb", "lion"), optim.name),
        ("optim.eps", optim.eps is not None, ("adamw", "lamb", "rmsprop"), optim.name),
        ("optim.rmsprop-decay", optim.rmsprop_decay != 0.9, ("rmsprop",), optim.name),
        ("schedule.min-lr", schedule.min_lr != 0.0, ("cosine", "linear"), schedule.name),
    )
    for flag, is_given, has_it, chosen in of_others:
        if is_given and chosen not in has_it:
            raise UserError(f"--{flag} is of {', '.join(has_it)}; {chosen} does not use it")


def _check_swa(recipe: Recipe) -> None:
    if recipe.optim.ema_decay is not None:
        raise UserError(
            f"--optim.swa-start={recipe.optim.swa_start} and --optim.ema-decay="
            f"{recipe.optim.ema_decay} are two averages of the weights, of which one is evaluated; "
            "leave swa-start out, or give --optim.ema-decay=None"
        )
    if recipe.on_nan == "rollback":
        raise UserError(
            "--on-nan=rollback may pass over the end of an epoch, which "
            f"--optim.swa-start={recipe.optim.swa_start} averages; give --on-nan=skip or stop"
        )


def _check_distillation(recipe: Recipe) -> None:
    given = {
        "distill-arch": recipe.distill_arch is not None,
        "distill-loss": recipe.distill_loss != "soft",
        "distill-temperature": recipe.distill_temperature is not None,
        "distill-weight": recipe.distill_weight is not None,
    }
    if recipe.distill is None:
        if flags := [flag for flag, is_given in given.items() if is_given]:
            raise UserError(f"--{flags[0]} is of a teacher; give that by --distill=RUN or a source")
        return
    if recipe.distill_loss == "hard" and recipe.distill_temperature is not None:
        raise UserError(
            f"--distill-temperature={recipe.distill_temperature} is of --distill-loss=soft; hard "
            "takes the teacher's most probable class"
        )
    if recipe.loss != "cross_entropy":
        raise UserError(
            f"--distill takes probabilities of one class each; --loss={recipe.loss} has a yes or "
            "no of every class: leave one of them out"
        )


def _check_policy(augment: Augment) -> None:
    if augment.policy is None:
        return
    # Here, for OpenCV is imported by it.
    from jaxcnn.data.augment.policies import make_policy

    try:
        make_policy(augment.policy, augment, thumbnails=False)
    except UserError as error:
        raise UserError(f"--augment.policy: {error}") from error
