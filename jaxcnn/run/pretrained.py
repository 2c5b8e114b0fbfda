"""Weights to start from or to evaluate, whatever kind of source they are in."""

import warnings
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxcnn.data import DataNotFound, DatasetSpec, dataset_at, dataset_spec
from jaxcnn.data.preprocessing import Preprocessing
from jaxcnn.engine.given import NOTHING, Given
from jaxcnn.engine.model_input import ModelInput, input_of_run
from jaxcnn.engine.program import head_of
from jaxcnn.engine.state import TrainState
from jaxcnn.errors import UserError
from jaxcnn.files.paths import expanded
from jaxcnn.models import create_model, model_spec
from jaxcnn.models.spec import Variables, init_variables
from jaxcnn.recipe import Recipe, data_place, model_overrides
from jaxcnn.run import digests
from jaxcnn.run.checkpoint import Checkpoints
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.run_data import changed_plugins
from jaxcnn.weights.dialects import other_form
from jaxcnn.weights.origin import Origin
from jaxcnn.weights.sources import read, sha256_of
from jaxcnn.weights.torch_names import WeightsError, head_paths, variables_of


@dataclass(frozen=True)
class Pretrained:
    """Weights that were read.

    Attributes:
        arch: the model they are of; for some files not quite the one they were asked for.
        variables: ours, float32.
        preprocessing: what they want images to look like.
        num_classes: that their head tells apart; 0 where they have none.
        origin: what they were read from.
        overrides: fields of the network that they are of, beside its architecture's.
        notes: what the user should know of how they were read, a line each.
        head: paths of the variables that the number of classes decides; its architecture's if not
            given.
    """

    arch: str
    variables: Variables
    preprocessing: Preprocessing
    num_classes: int
    origin: Origin
    notes: tuple[str, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)
    head: frozenset[tuple[str, ...]] | None = None

    @property
    def head_modules(self) -> set[str]:
        """The model's own parts that the head's variables are in."""
        head = head_paths(self.arch) if self.head is None else self.head
        return {path[1] for path in head}


def load_weights(name: str, source: str, *, num_classes: int | None = None) -> Variables:
    """`{"params": ..., "batch_stats": ...}` for `create_model(name, num_classes=...)`.

    Args:
        name: one of `list_models()`.
        source: a .safetensors or .pth file, a run's folder, or "hf:timm/resnet50.a1_in1k".
        num_classes: where it differs from the source's, the head is a fresh one, and a warning
            says so; 0 for no head; the source's if not given.

    Raises UserError where the source cannot be read, or holds another model's weights: those of
    `tf_efficientnet_b0` for `efficientnet_b0`, too, for the caller makes the model.
    """
    pretrained = read_pretrained(name, source)
    if pretrained.arch != name:
        raise UserError(
            f"{source} holds weights of {pretrained.arch}, not {name}; give that name, here and to "
            "create_model"
        )
    for note in pretrained.notes:
        warnings.warn(note, stacklevel=2)
    if num_classes in (None, pretrained.num_classes):
        return pretrained.variables
    spec = model_spec(name)
    model = create_model(name, num_classes=num_classes, **pretrained.overrides)
    size = (spec.image_size, spec.image_size)
    init = partial(init_variables, model, jax.random.key(0), size, spec.channels)
    # Of a model without a head nothing is drawn anew.
    fresh = jax.eval_shape(init) if num_classes == 0 else jax.jit(init)()
    variables, kept = overlay(fresh, pretrained)
    if kept:
        warnings.warn(head_note(kept, pretrained, num_classes), stacklevel=2)
    return variables


def of_its_weights(recipe: Recipe, say: Callable[[str], object]) -> Recipe:
    """The recipe, for the form of its architecture that the weights it starts from are of.

    `say` is told where that is another one (see `jaxcnn.weights.dialects.other_form`). What cannot
    be read is refused where the weights are needed.
    """
    if recipe.pretrained is None or other_form(recipe.arch) is None:
        return recipe
    try:
        arch = _arch_at(recipe.arch, recipe.pretrained)
    except UserError:
        return recipe
    if arch != recipe.arch:
        say(_form_note(arch, recipe.arch))
    return replace(recipe, arch=arch)


def _arch_at(name: str, source: str) -> str:
    """`name`, or its other form where the weights at `source` are of that."""
    if (Path(expanded(source)) / "recipe.json").is_file():
        arch = RunFolder(source).read_recipe().arch
        return arch if arch == other_form(name) else name
    return read(name, source).arch


def _form_note(arch: str, name: str) -> str:
    return (
        f"these weights are of {arch}, not {name} (another padding, and BatchNorm's epsilon): "
        "going on with that"
    )


def read_pretrained(name: str, source: str, given: Given = NOTHING) -> Pretrained:
    """The weights of the model `name` at `source`, with their own number of classes.

    Of a module that a program gave, `given` has it; its weights are in a run's folder.
    """
    if (Path(expanded(source)) / "recipe.json").is_file():
        return _from_run(name, source, given)
    if given.model is not None:
        raise UserError(
            f"{source} is no run's folder; {name}, a module of your own, begins with weights of a "
            "run of its own"
        )
    checkpoint = read(name, source)
    arch = checkpoint.arch
    notes = [_form_note(arch, name)] if arch != name else []
    try:
        variables = variables_of(arch, checkpoint.state_dict, tell=notes.append)
    except WeightsError:
        raise  # It names the model, which is what is wrong most often.
    except UserError as error:
        raise UserError(f"{source}: {error}") from error
    classes = _classes(head_paths(arch), variables)
    assert checkpoint.origin is not None, "read"
    return Pretrained(
        arch, variables, checkpoint.preprocessing, classes, checkpoint.origin, tuple(notes)
    )


def _from_run(name: str, source: str, given: Given) -> Pretrained:
    """The best checkpoint of a run by validation, the averages if it kept any."""
    folder = RunFolder(source)
    recipe = folder.read_recipe()
    arch = recipe.arch
    if arch not in (name, other_form(name)):
        raise UserError(f"{folder.path} is a run of {arch}, not {name}")
    kept = folder.read_data()
    refuse_without_its_model(folder, given)
    run = kept and kept.run
    with Checkpoints(folder.checkpoints, read_only=True, run=run) as checkpoints:
        step = checkpoints.best_step()
        if step is None:
            raise UserError(f"{folder.path} has not finished an epoch yet; train on")
        variables = checkpoints.restore_variables(step)
        unchecked = checkpoints.unchecked(step)
    _, model_input = learned_from(folder, recipe)
    head: frozenset[tuple[str, ...]] = frozenset()
    # A module without that field has but one number of classes.
    with suppress(UserError) if given.model else nullcontext():
        head = head_of(recipe, model_input.channels, given)
    notes = [_form_note(arch, name)] if arch != name else []
    if unchecked is not None:
        notes.append(unchecked)
    checksums = folder.checkpoints / str(step) / digests.NAME
    known = {} if unchecked else {f"checkpoint {step}'s {digests.NAME}": sha256_of(checksums)}
    return Pretrained(
        arch,
        variables,
        model_input.preprocessing,
        given.model.num_classes if given.model else _classes(head, variables),
        Origin(source, None, known),
        tuple(notes),
        model_overrides(recipe),
        head,
    )


def learned_from(
    folder: RunFolder, recipe: Recipe, say: Callable[[str], None] = lambda line: None
) -> tuple[DatasetSpec, ModelInput]:
    """The data set's row as a run saw it, and what it brought images to in evaluation.

    From the run's folder alone. A run of a version that kept neither (there is no `data.json`)
    needs its data folder for its classes' names, and `say` is told where that is gone; and it needs
    the weights that it started from. It is told too of a plug-in whose file has changed.
    """
    if (kept := folder.read_data()) is not None:
        for line in changed_plugins(recipe, kept.plugins):
            say(line)
        return kept.row(recipe.dataset), kept.input
    try:
        data = dataset_at(recipe.dataset, data_place(recipe))
    except DataNotFound as error:
        say(f"classes by number, their names are not known: {error}")
        data = dataset_spec(recipe.dataset)
    weights = None
    if recipe.pretrained is not None:
        weights = read_pretrained(recipe.arch, recipe.pretrained).preprocessing
    return data, input_of_run(recipe, data, weights)


def refuse_without_its_model(folder: RunFolder, given: Given) -> None:
    """Raises UserError where a program gave the run its network, and it is not given again."""
    kept = folder.read_data()
    if given.model is None and kept is not None and (was := kept.given.get("model")):
        raise UserError(
            f"{folder.path} is a run of {was.path}, a module that a program gave to fit: in Python "
            f"jaxcnn.load({str(folder.path)!r}, model=...) takes it again"
        )


def check_classes(pretrained: Pretrained, data: DatasetSpec) -> None:
    """Raises UserError unless the weights tell as many classes apart as the set has."""
    check_head(pretrained)
    if pretrained.num_classes != data.num_classes:
        raise UserError(
            f"the weights tell {pretrained.num_classes} classes apart, "
            f"{data.name} has {data.num_classes}"
        )


def check_head(pretrained: Pretrained) -> None:
    """Raises UserError for weights that tell no classes apart."""
    if pretrained.num_classes == 0:
        raise UserError(
            f"these weights of {pretrained.arch} have no head, so that they tell no classes apart; "
            "train one: python -m jaxcnn.train --pretrained=SOURCE"
        )


def start_from(state: TrainState, pretrained: Pretrained) -> tuple[TrainState, list[str]]:
    """`state` with the weights of `pretrained`, and the names of those it kept (the head's)."""
    fresh = {"params": state.params, "batch_stats": state.batch_stats}
    variables, kept = overlay(fresh, pretrained)
    placed = jax.tree.map(lambda new, old: jax.device_put(new, old.sharding), variables, fresh)
    state = state.replace(params=placed["params"], batch_stats=placed["batch_stats"])
    if state.ema_params is not None:
        state = state.replace(
            ema_params=jax.tree.map(jnp.copy, state.params),
            ema_batch_stats=jax.tree.map(jnp.copy, state.batch_stats),
        )
    return state, kept


def overlay(fresh: Variables, pretrained: Pretrained) -> tuple[Variables, list[str]]:
    """The pretrained weights where they fit `fresh`, and the names of the head's that do not.

    Auxiliary classifiers, which a network without a head lacks too, belong to it.

    Raises UserError if any other does not fit.
    """
    old: dict[Any, Any] = flatten_dict(fresh)
    new: dict[Any, Any] = flatten_dict(pretrained.variables)
    different = {path for path in old if path not in new or new[path].shape != old[path].shape}
    modules = pretrained.head_modules
    if wrong := {path for path in different if path[1] not in modules}:
        names = ", ".join(sorted("/".join(path[1:]) for path in wrong))
        raise UserError(f"the pretrained {pretrained.arch} does not fit the model in {names}")
    merged = {path: old[path] if path in different else new[path] for path in old}
    return (
        {"params": {}, "batch_stats": {}} | unflatten_dict(merged),
        sorted("/".join(path[1:]) for path in different),
    )


def head_note(kept: list[str], pretrained: Pretrained, num_classes: int) -> str:
    if pretrained.num_classes == 0:
        return f"the weights have no head: all are loaded, and {', '.join(kept)} start afresh"
    return (
        f"the weights are for {pretrained.num_classes} classes, the model for {num_classes}: "
        f"all are loaded but {', '.join(kept)}, which start afresh"
    )


def _classes(head: Collection[tuple[str, ...]], variables: Variables) -> int:
    flat: dict[Any, Any] = flatten_dict(variables)
    heads = (flat[path] for path in sorted(head) if path in flat)
    return next((head.shape[-1] for head in heads), 0)
