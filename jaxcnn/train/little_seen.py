"""Networks that reduce small pictures to next to nothing: said before time goes into one."""

import math
import re
from dataclasses import asdict

import jax
import jax.numpy as jnp

from jaxcnn.data import DatasetSpec
from jaxcnn.engine.program import Program
from jaxcnn.recipe import Recipe, is_thumbnail, thumbnail_cure

# Places that a network's first map should have.
ENOUGH = 16


def little_seen(recipe: Recipe, data: DatasetSpec, program: Program) -> str | None:
    """A line, with the way out, where a run's network has few places left of a thumbnail.

    Few are less than 16 after its stem, or one at its end. None for an architecture without a way
    out, or which takes it already.
    """
    cure, model = thumbnail_cure(recipe.arch), recipe.model
    flags = [f"--model.{name}={value}" for name, value in asdict(cure).items() if value]
    if not flags or not is_thumbnail(data.image_size) or model.stem == "small" or model.patch:
        return None
    variables = {"params": program.state_like.params, "batch_stats": program.state_like.batch_stats}
    shape = program.batch_like["image"].shape
    _, taps = jax.eval_shape(
        lambda v, x: program.model.apply(v, x, mutable=["stages"]),
        variables,
        jax.ShapeDtypeStruct(shape, jnp.float32),
    )
    maps = {name: values[0].shape[1:3] for name, values in taps.get("stages", {}).items()}
    if "stem" not in maps:
        return None  # A model of the user's own need not tap its stages.
    first, last = maps["stem"], maps[max(maps, key=_number)]
    if math.prod(first) >= ENOUGH and math.prod(last) > 1:
        return None
    return (
        f"of {_size(shape[1:3])} pixels {recipe.arch} leaves a map of {_size(first)} after its "
        f"stem and {_size(last)} at its end; {' '.join(flags)} leaves more"
    )


def _number(name: str) -> int:
    """Of "stage4", 4; of "stem" 0."""
    return int(re.sub(r"\D", "", name) or 0)


def _size(size: tuple[int, ...]) -> str:
    return "x".join(map(str, size))
