"""Grad-CAM: the maps of a layer, weighted by what the class gains from each.

Selvaraju et al., 2017, https://arxiv.org/abs/1610.02391.
"""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.traverse_util import unflatten_dict

from jaxcnn.errors import UserError
from jaxcnn.explain.scores import of_class
from jaxcnn.models.spec import Variables
from jaxcnn.models.tools.features import of_taps


def grad_cam(
    model: nn.Module,
    variables: Variables,
    images: jax.Array,
    classes: jax.Array,
    stage: str | None = None,
) -> jax.Array:
    """Where a stage's maps speak for a class: [N, H, W] of the images' size, 0 and above.

    Equation 1: a map's weight is the mean, over its pixels, of the gradient of the class's logit.
    Equation 2: the weighted sum of the maps, what is negative left out. It is then enlarged to the
    images, bilinearly. The unit is that of logits; no image is scaled by its own maximum.

    Args:
        model: a network that taps its stages (`jaxcnn.layers.tap`).
        variables: its own.
        images: [N, H, W, C], normalised.
        classes: int [N], what to explain of each image.
        stage: name of a tapped map; if not given the last one of several pixels, since a single
            one, as small images leave of a deep network's last stage, is everywhere the same.

    Raises UserError for a stage that is no map, or where the model has none.
    """
    stages = _stages(model, variables, images)
    name = _choose(stage, stages, type(model).__name__)
    # All taps or none must be perturbed: a scalar does where no gradient is asked for.
    unperturbed = {other: jnp.zeros((), tapped.dtype) for other, tapped in stages.items()}

    def score(perturbation: jax.Array) -> tuple[jax.Array, jax.Array]:
        perturbations = unflatten_dict({**unperturbed, name: perturbation}, sep="/")
        logits, tapped = model.apply(
            {**variables, "perturbations": perturbations}, images, train=False, mutable=["stages"]
        )
        return of_class(logits, classes).sum(), of_taps(tapped)[name]

    zeros = jnp.zeros(stages[name].shape, stages[name].dtype)
    gradient, maps = jax.grad(score, has_aux=True)(zeros)
    gradient, maps = gradient.astype(jnp.float32), maps.astype(jnp.float32)  # [N, h, w, K]
    weights = gradient.mean((1, 2), keepdims=True)
    evidence = nn.relu((weights * maps).sum(-1))
    return jax.image.resize(evidence, images.shape[:3], "bilinear")


def _stages(
    model: nn.Module, variables: Variables, images: jax.Array
) -> dict[str, jax.ShapeDtypeStruct]:
    """What the model taps, in the order in which it does; nothing is computed."""
    order: list[str] = []

    def tapped(variables: Variables, images: jax.Array) -> dict[str, jax.Array]:
        _, stages = model.apply(variables, images, train=False, mutable=["stages"])
        order.extend(of_taps(stages))
        return of_taps(stages)

    # What comes out of a traced function has its names sorted.
    shapes = jax.eval_shape(tapped, variables, images)
    return {name: shapes[name] for name in order}


def _choose(stage: str | None, stages: dict[str, jax.ShapeDtypeStruct], model: str) -> str:
    maps = [name for name, tapped in stages.items() if len(tapped.shape) == 4]
    if not maps:
        raise UserError(
            f"Grad-CAM needs a stage that is a map, and {model} has none; "
            "integrated_gradients and occlusion need none"
        )
    if stage is not None and stage not in maps:
        raise UserError(f"{model} has no map {stage!r}; its maps are {', '.join(maps)}")
    spread = [name for name in maps if math.prod(stages[name].shape[1:3]) > 1]
    return stage or (spread or maps)[-1]
