"""Torch state dicts <-> our variables: the same numbers under other names, in another layout.

Names are timm's, torchvision's where timm lacks the model. Each model's table row has the rules of
its family (`ModelSpec.torch_names`); here is what all families share.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import numpy as np
from flax import linen as nn
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxcnn.errors import UserError
from jaxcnn.models import create_model, model_spec
from jaxcnn.models.spec import ModelSpec, Variables, init_variables
from jaxcnn.weights.resample import fit_positions

StateDict = Mapping[str, np.ndarray]
Path = tuple[str, ...]  # ("params", "layer1_0", "conv1", "kernel")

LEAVES = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}
# Our axes -> torch's, by the kernel's rank: [I, O] -> [O, I] and [H, W, I, O] -> [O, I, H, W].
KERNEL_AXES = {2: (1, 0), 4: (3, 2, 0, 1)}
# Positions of a network for images of 16 times the pixels, which are resampled.
LARGER_POSITIONS = 16
MOST_CLASSES = 1_000_000
# Buffers of timm's modules that are computed, not learned.
COMPUTED = re.compile(r"(^|\.)(num_batches_tracked|relative_position_index|attn_mask|n_averaged)$")


class WeightsError(UserError):
    """A state dict is not that of the model; its message shows the first keys of each list.

    Attributes:
        missing: keys that the model has and the state dict lacks; `surplus` the other way round.
        misshapen: keys whose shape differs.
    """

    def __init__(self, name: str, tensors: Mapping[str, "Tensor"], given: StateDict) -> None:
        self.missing = sorted(tensors.keys() - given)
        self.surplus = sorted(given.keys() - tensors)
        self.misshapen = sorted(
            key for key in tensors.keys() & given if given[key].shape != tensors[key].torch_shape
        )
        shapes = [f"{k} {given[k].shape} for {tensors[k].torch_shape}" for k in self.misshapen]
        lists = (("missing", self.missing), ("surplus", self.surplus), ("misshapen", shapes))
        parts = [f"{len(keys)} {what}: {_some(keys)}" for what, keys in lists if keys]
        super().__init__(f"these are not the weights of {name}: {'; '.join(parts)}")


def _some(keys: list[str], count: int = 6) -> str:
    rest = len(keys) - count
    return ", ".join(keys[:count]) + (f" and {rest} more" if rest > 0 else "")


@dataclass(frozen=True)
class Tensor:
    """Where a tensor lies in our variables, and its shape there."""

    path: Path
    shape: tuple[int, ...]

    @property
    def axes(self) -> tuple[int, ...]:
        """`transpose(axes)` of ours is torch's."""
        same = tuple(range(len(self.shape)))
        return KERNEL_AXES[len(self.shape)] if self.path[-1] == "kernel" else same

    @property
    def torch_shape(self) -> tuple[int, ...]:
        return tuple(self.shape[axis] for axis in self.axes)


def torch_name(path: Path, rows: tuple[tuple[str, str], ...]) -> str:
    """`("params", "layer1_0", "conv1", "kernel")` -> `"layer1.0.conv1.weight"`."""
    *modules, leaf = path[1:]
    name = ".".join(modules)
    for pattern, replacement in rows:
        name = re.sub(pattern, replacement, name)
    name = re.sub(r"_(\d+)_", r".\1.", name)
    name = re.sub(r"_(\d+)(?=\.|$)", r".\1", name)
    return ".".join(filter(None, [name, LEAVES.get(leaf, leaf)]))


def _leaves(variables: Variables) -> dict[Path, Any]:
    return flatten_dict(variables)  # pyright: ignore[reportReturnType]


def torch_tensors(spec: ModelSpec, model: nn.Module) -> dict[str, Tensor]:
    """Torch's name of every tensor of `model`, whose table row is `spec`."""
    size = (spec.image_size, spec.image_size)
    shapes = jax.eval_shape(lambda: init_variables(model, jax.random.key(0), size, spec.channels))
    return tensors_of(spec, shapes)


def tensors_of(spec: ModelSpec, shapes: Variables) -> dict[str, Tensor]:
    """The same, of a model's variables or their shapes."""
    return {
        torch_name(path, spec.torch_names): Tensor(path, leaf.shape)
        for path, leaf in _leaves(shapes).items()
    }


@lru_cache(maxsize=8)
def model_tensors(name: str, num_classes: int) -> Mapping[str, Tensor]:
    """`torch_tensors` of the model `name`.

    Kept, since tracing a deep model takes seconds and reading one checkpoint asks several times.
    """
    return torch_tensors(model_spec(name), create_model(name, num_classes=num_classes))


def variables_of(
    name: str,
    state_dict: StateDict,
    *,
    num_classes: int | None = None,
    tell: Callable[[str], object] = lambda line: None,
    **overrides: Any,
) -> Variables:
    """Our variables of the model `name`, from a state dict with the names above and no others.

    Args:
        name: one of `list_models()`.
        state_dict: torch's names -> arrays; computed buffers (`num_batches_tracked`) may be there.
        num_classes: those of the state dict's head if not given; 0 where it has none.
        tell: is called with a line for what had to be resampled (see `fit_positions`) or rounded.
        **overrides: fields of the model that change its shapes, as `create_model` takes them.

    Raises WeightsError with the lists of missing, surplus and misshapen keys, and UserError for
    numbers that are no weights: not finite in float32, whole, complex or quantised.
    """
    if num_classes is None:
        num_classes = _num_classes(name, state_dict)
    if overrides:
        model = create_model(name, num_classes=num_classes, **overrides)
        tensors = torch_tensors(model_spec(name), model)
    else:
        tensors = model_tensors(name, num_classes)
    given = {key: value for key, value in state_dict.items() if not COMPUTED.search(key)}
    shapes = {key: tensor.torch_shape for key, tensor in tensors.items()}
    given = _as_float32(given, shapes, tell)
    given = fit_positions(given, shapes, tell)
    if shapes != {key: value.shape for key, value in given.items()}:
        raise WeightsError(name, tensors, given)
    flat = {
        tensor.path: np.ascontiguousarray(given[key].transpose(np.argsort(tensor.axes)))
        for key, tensor in tensors.items()
    }
    return {"params": {}, "batch_stats": {}} | unflatten_dict(flat)


def _as_float32(
    given: StateDict, shapes: Mapping[str, tuple[int, ...]], tell: Callable[[str], object]
) -> StateDict:
    """The tensors that the model has, as float32; others, and what is far too large, as they are.

    So that no file takes memory for what the model has no use for.
    """
    weights = dict(given)
    known = [key for key in given if key in shapes]
    for key in known:
        value = np.asarray(given[key])
        if value.size <= LARGER_POSITIONS * math.prod(shapes[key]):
            weights[key] = _finite_float32(key, value)
    if any(np.asarray(given[key]).dtype == np.float64 for key in known):
        tell("the weights are stored as float64: they are rounded to float32")
    return weights


def _finite_float32(key: str, value: np.ndarray) -> np.ndarray:
    # ml_dtypes' kinds of eight bits and fewer are quantised without their scales.
    is_float = value.dtype.kind == "f" or value.dtype.name == "bfloat16"
    if not is_float or value.dtype.itemsize < 2:
        raise UserError(
            f"{key} is stored as {value.dtype.name}, no type of weights; save it as float32"
        )
    with np.errstate(over="ignore"):
        weights = value.astype(np.float32)
    if not np.isfinite(weights).all():
        what = (
            "overflows float32" if np.isfinite(value).all() else "is not finite (NaN or infinite)"
        )
        raise UserError(f"{key} {what}, so that nothing can be computed with these weights")
    return weights


def to_torch(name: str, variables: Variables) -> dict[str, np.ndarray]:
    """A state dict that the reference implementation loads with `strict=True`.

    Each BatchNorm's `num_batches_tracked` is there, as 0.
    """
    rows = model_spec(name).torch_names
    state_dict = {}
    for path, leaf in _leaves(variables).items():
        key, value = torch_name(path, rows), np.asarray(leaf)
        state_dict[key] = np.ascontiguousarray(value.transpose(Tensor(path, value.shape).axes))
        if path[-1] == "var":
            tracked = key.replace("running_var", "num_batches_tracked")
            state_dict[tracked] = np.zeros((), np.int64)
    return state_dict


def head_paths(name: str) -> set[Path]:
    """Paths of the variables whose shape the number of classes decides."""
    return {tensor.path for tensor in _head(name).values()}


def _head(name: str) -> dict[str, Tensor]:
    num_classes = model_spec(name).num_classes
    fewer, more = (model_tensors(name, num_classes + extra) for extra in (0, 1))
    return {key: tensor for key, tensor in fewer.items() if tensor.shape != more[key].shape}


def _num_classes(name: str, state_dict: StateDict) -> int:
    heads = (state_dict[key] for key in sorted(_head(name)) if key in state_dict)
    number = next((head.shape[0] for head in heads if head.ndim), 0)
    if number > MOST_CLASSES:
        raise UserError(
            f"the weights tell {number:,} classes apart; at most {MOST_CLASSES:,} are read"
        )
    return number
