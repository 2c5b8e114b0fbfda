"""The stage whose maps are read, and what of its maps the score of a class goes by."""

import math
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.traverse_util import unflatten_dict

from jaxcnn.errors import UserError
from jaxcnn.explain.scores import of_class
from jaxcnn.models.spec import Variables
from jaxcnn.models.tools.features import of_taps

# Each way: as many as a network for ImageNet's 224 pixels leaves of them. Fewer tell places apart
# hardly better than "left" and "right".
LEAST_CELLS = 7


class Evidence(NamedTuple):
    """A stage's maps, and the gradient of the class's score there: float32 [N, h, w, K] each."""

    maps: jax.Array
    gradient: jax.Array


def chosen_stage(
    model: nn.Module,
    variables: Variables,
    images: jax.Array | jax.ShapeDtypeStruct,
    stage: str | None = None,
) -> str:
    """The name of the stage that `grad_cam` and its kin read; nothing is computed.

    `stage` if that is given; else the last map of at least 7x7 cells; where there is none, as of
    thumbnails, the last of several, since one cell is everywhere the same.

    Args:
        model: a network that taps its stages (`jaxcnn.layers.tap`).
        variables: its own; shapes will do (`jax.ShapeDtypeStruct`).
        images: [N, H, W, C]; its shape will do.
        stage: name of a tapped map.

    Raises UserError for a stage that is no map, or where the model has none.
    """
    return choose(stage, stages(model, variables, images), type(model).__name__)


def stages(
    model: nn.Module, variables: Variables, images: jax.Array | jax.ShapeDtypeStruct
) -> dict[str, jax.ShapeDtypeStruct]:
    """What the model taps, in the order in which it does; nothing is computed."""
    leaves, tree = jax.tree.flatten((variables, images))
    shapes = tuple(jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in leaves)
    try:
        return dict(_traced(model, tree, shapes))
    except TypeError:  # A module with a list among its fields cannot be looked up.
        return _traced.__wrapped__(model, tree, shapes)


# To trace a deep network takes seconds, and who says which stage is read asks before it is.
@lru_cache(maxsize=16)
def _traced(
    model: nn.Module, tree: Any, leaves: tuple[jax.ShapeDtypeStruct, ...]
) -> dict[str, jax.ShapeDtypeStruct]:
    order: list[str] = []

    def tapped(variables: Variables, images: jax.Array) -> dict[str, jax.Array]:
        _, stages = model.apply(variables, images, train=False, mutable=["stages"])
        order.extend(of_taps(stages))
        return of_taps(stages)

    # What comes out of a traced function has its names sorted.
    shapes = jax.eval_shape(tapped, *jax.tree.unflatten(tree, leaves))
    return {name: shapes[name] for name in order}


def choose(stage: str | None, stages: dict[str, jax.ShapeDtypeStruct], model: str) -> str:
    """`chosen_stage` of what `stages` gave, for the model of that name."""
    maps = [name for name, tapped in stages.items() if len(tapped.shape) == 4]
    if not maps:
        raise UserError(
            f"Grad-CAM, as Grad-CAM++ and Score-CAM, needs a stage that is a map, and {model} has "
            "none; integrated_gradients and occlusion need none"
        )
    if stage is not None and stage not in maps:
        raise UserError(f"{model} has no map {stage!r}; its maps are {', '.join(maps)}")
    fine = [name for name in maps if min(stages[name].shape[1:3]) >= LEAST_CELLS]
    several = [name for name in maps if math.prod(stages[name].shape[1:3]) > 1]
    return stage or (fine or several or maps)[-1]


def evidence(
    model: nn.Module,
    variables: Variables,
    images: jax.Array,
    classes: jax.Array,
    stage: str | None = None,
) -> Evidence:
    """The maps of a stage and the gradient of each image's logit for its class, at them.

    Arguments and errors are those of `grad_cam`.
    """
    tapped_shapes = stages(model, variables, images)
    name = choose(stage, tapped_shapes, type(model).__name__)
    # All taps or none must be perturbed: a scalar does where no gradient is asked for.
    unperturbed = {other: jnp.zeros((), tapped.dtype) for other, tapped in tapped_shapes.items()}

    def score(perturbation: jax.Array) -> tuple[jax.Array, jax.Array]:
        perturbations = unflatten_dict({**unperturbed, name: perturbation}, sep="/")
        logits, tapped = model.apply(
            {**variables, "perturbations": perturbations}, images, train=False, mutable=["stages"]
        )
        return of_class(logits, classes).sum(), of_taps(tapped)[name]

    zeros = jnp.zeros(tapped_shapes[name].shape, tapped_shapes[name].dtype)
    gradient, maps = jax.grad(score, has_aux=True)(zeros)
    return Evidence(maps.astype(jnp.float32), gradient.astype(jnp.float32))


def weighted(maps: jax.Array, weights: jax.Array, images: jax.Array) -> jax.Array:
    """The positive part of the weighted sum of maps [N, h, w, K], as large as the images.

    weights: [N, K]. Enlarged bilinearly: [N, H, W].
    """
    total = nn.relu((weights[:, None, None] * maps).sum(-1))
    return jax.image.resize(total, images.shape[:3], "bilinear")
