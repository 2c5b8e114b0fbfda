"""Weights to start from or to evaluate, whatever kind of source they are in."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxcnn.checkpoint import Checkpoints
from jaxcnn.data import DatasetSpec, dataset_spec
from jaxcnn.data.pipeline import eval_transforms
from jaxcnn.data.transforms import Transform
from jaxcnn.errors import UserError
from jaxcnn.feed import image_channels
from jaxcnn.models import create_model, model_spec
from jaxcnn.models.spec import Variables, init_variables
from jaxcnn.paths import expanded
from jaxcnn.run_folder import RunFolder
from jaxcnn.state import TrainState
from jaxcnn.weights import from_torch
from jaxcnn.weights.preprocessing import Preprocessing
from jaxcnn.weights.sources import read
from jaxcnn.weights.torch_names import head_paths


@dataclass(frozen=True)
class Pretrained:
    """Weights that were read.

    Attributes:
        arch: the model they are of; for some files not quite the one they were asked for.
        variables: ours, float32.
        preprocessing: what they want images to look like.
        num_classes: that their head tells apart.
    """

    arch: str
    variables: Variables
    preprocessing: Preprocessing
    num_classes: int


def load_weights(name: str, source: str, *, num_classes: int | None = None) -> Variables:
    """`{"params": ..., "batch_stats": ...}` for `create_model(name, num_classes=...)`.

    Args:
        name: one of `list_models()`.
        source: a .safetensors or .pth file, a run's folder, or "hf:timm/resnet50.a1_in1k".
        num_classes: where it differs from the source's, the head is a fresh one, and a warning
            says so; the source's if not given.

    Raises UserError where the source cannot be read, or holds another model's weights.
    """
    pretrained = read_pretrained(name, source)
    if pretrained.arch != name:
        raise UserError(f"{source} holds weights of {pretrained.arch}, not {name}")
    if num_classes in (None, pretrained.num_classes):
        return pretrained.variables
    spec = model_spec(name)
    model = create_model(name, num_classes=num_classes)
    size = (spec.image_size, spec.image_size)
    fresh = jax.jit(lambda: init_variables(model, jax.random.key(0), size, spec.channels))()
    variables, kept = overlay(fresh, pretrained)
    warnings.warn(head_note(kept, pretrained, num_classes), stacklevel=2)
    return variables


def read_pretrained(name: str, source: str) -> Pretrained:
    """The weights of the model `name` at `source`, with their own number of classes."""
    if (Path(expanded(source)) / "recipe.json").is_file():
        return _from_run(name, RunFolder(source))
    checkpoint = read(name, source)
    variables = from_torch(checkpoint.arch, checkpoint.state_dict)
    classes = _classes(checkpoint.arch, variables)
    return Pretrained(checkpoint.arch, variables, checkpoint.preprocessing, classes)


def _from_run(name: str, folder: RunFolder) -> Pretrained:
    """The best checkpoint of a run by validation, the averages if it kept any."""
    recipe = folder.read_recipe()
    if recipe.arch != name:
        raise UserError(f"{folder.path} is a run of {recipe.arch}, not {name}")
    with Checkpoints(folder.checkpoints, read_only=True) as checkpoints:
        step = checkpoints.best_step()
        if step is None:
            raise UserError(f"{folder.path} has not finished an epoch yet; train on")
        variables = checkpoints.restore_variables(step)
    data = dataset_spec(recipe.dataset)
    preprocessing = Preprocessing(data.mean, data.std)
    if recipe.pretrained is not None:
        start = read_pretrained(name, recipe.pretrained).preprocessing
        preprocessing = start.for_channels(image_channels(recipe, data), data.mean, data.std)
    return Pretrained(name, variables, preprocessing, _classes(name, variables))


def published_transforms(
    pretrained: Pretrained, data: DatasetSpec, *, image_size: int | None = None
) -> tuple[Transform, ...]:
    """What brings a set's images to published weights: photographs as their own evaluation did.

    Args:
        pretrained: the weights.
        data: the set.
        image_size: height and width in pixels; what the weights ask for if not given.
    """
    spec, preprocessing = model_spec(pretrained.arch), pretrained.preprocessing
    return eval_transforms(
        data,
        image_size=image_size or preprocessing.image_size or spec.image_size,
        channels=spec.channels,
        resize="crop" if data.image_size is None else "interpolate",
        crop_fraction=preprocessing.crop_fraction,
        interpolation=preprocessing.interpolation,
    )


def published_preprocessing(pretrained: Pretrained, data: DatasetSpec) -> Preprocessing:
    """What a set's images are normalised by for published weights: what these state, if they do."""
    channels = model_spec(pretrained.arch).channels
    return pretrained.preprocessing.for_channels(channels, data.mean, data.std)


def check_classes(pretrained: Pretrained, data: DatasetSpec) -> None:
    """Raises UserError unless the weights tell as many classes apart as the set has."""
    if pretrained.num_classes != data.num_classes:
        raise UserError(
            f"the weights tell {pretrained.num_classes} classes apart, "
            f"{data.name} has {data.num_classes}"
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

    Raises UserError if any other does not fit.
    """
    old: dict[Any, Any] = flatten_dict(fresh)
    new: dict[Any, Any] = flatten_dict(pretrained.variables)
    different = {path for path in old if path not in new or new[path].shape != old[path].shape}
    if wrong := different - head_paths(pretrained.arch):
        names = ", ".join(sorted("/".join(path[1:]) for path in wrong))
        raise UserError(f"the pretrained {pretrained.arch} does not fit the model in {names}")
    merged = {path: old[path] if path in different else new[path] for path in old}
    return (
        {"params": {}, "batch_stats": {}} | unflatten_dict(merged),
        sorted("/".join(path[1:]) for path in different),
    )


def head_note(kept: list[str], pretrained: Pretrained, num_classes: int) -> str:
    return (
        f"the weights are for {pretrained.num_classes} classes, the model for {num_classes}: "
        f"all are loaded but {', '.join(kept)}, which start afresh"
    )


def _classes(name: str, variables: Variables) -> int:
    flat: dict[Any, Any] = flatten_dict(variables)
    return next(flat[path].shape[-1] for path in sorted(head_paths(name)) if path in flat)
