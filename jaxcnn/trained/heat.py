"""What spoke for a class, by whichever method: one number for each place of an image."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcnn.explain import (
    attention_rollout,
    attributions,
    grad_cam,
    grad_cam_plus_plus,
    guided_backprop,
    occlusion,
    score_cam,
    smooth_grad,
)
from jaxcnn.explain.stages import choose, stages
from jaxcnn.models.spec import Variables
from jaxcnn.trained.methods import Method


def heat(
    method: Method,
    model: nn.Module,
    variables: Variables,
    inputs: jax.Array,
    classes: jax.Array,
    probabilities: Callable[[jax.Array], jax.Array],
) -> tuple[jax.Array, jax.Array | None]:
    """[N, H', W'], one number for a place; and of integrated gradients the gaps [N].

    Args:
        method: how to explain.
        model: the network.
        variables: its weights.
        inputs: [N, H, W, C], normalised.
        classes: int [N], what to explain of each.
        probabilities: logits [N, K] -> [N, K].

    Raises UserError where the model cannot be explained that way.
    """
    about = model, variables, inputs, classes
    match method:
        case "grad_cam":
            return grad_cam(*about), None
        case "grad_cam_plus_plus":
            return grad_cam_plus_plus(*about), None
        case "score_cam":
            return score_cam(*about), None
        case "integrated_gradients":
            found = attributions(*about)
            return found.values.sum(-1), found.gap
        case "smooth_grad":
            # One key, so that a picture's explanation is the same the next time.
            return jnp.abs(smooth_grad(*about, jax.random.key(0))).sum(-1), None
        case "guided_backprop":
            return jnp.abs(guided_backprop(*about)).sum(-1), None
        case "occlusion":
            square = occluding_square(inputs.shape[1])
            return occlusion(*about, *square, probabilities=probabilities), None
        case "attention_rollout":
            return attention_rollout(model, variables, inputs), None


def stage_of(model: nn.Module, variables: Variables, images: np.ndarray) -> str:
    """The stage whose maps are read of these images [N, H, W, C], and its cells."""
    inputs = jax.ShapeDtypeStruct(images.shape, jnp.float32)
    shapes = stages(model, variables, inputs)
    name = choose(None, shapes, type(model).__name__)
    rows, columns = shapes[name].shape[1:3]
    return f"{name} ({rows}x{columns})"


def occluding_square(image_size: int) -> tuple[int, int]:
    """Side and stride of the occluding square, in pixels: about 13 by 13 of them."""
    return max(1, image_size // 4), max(1, image_size // 16)
