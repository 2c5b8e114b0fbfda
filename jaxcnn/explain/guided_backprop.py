"""Guided backpropagation: of the gradient a ReLU lets back only what speaks for the class.

Springenberg et al., 2015, https://arxiv.org/abs/1412.6806.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.errors import UserError
from jaxcnn.explain.scores import of_class
from jaxcnn.models.spec import Variables
from jaxcnn.xla.replaced import count_named, with_replaced


def guided_backprop(
    model: nn.Module, variables: Variables, images: jax.Array, classes: jax.Array
) -> jax.Array:
    """The class's logit traced back to the pixels: [N, H, W, C].

    Section 3.4: where a ReLU's input was negative, or the gradient that comes to it is, it passes
    on zero. The ReLUs are found by name in what JAX traces of the model, `jax.nn.relu` and
    `jax.nn.relu6`, whose gradient is zero above 6 too.

    Checked on 200 photographs (docs/explain.md): its absolute values have a rank correlation of
    0.26 with those of the network before training, so that a part of what they show is the picture.

    Args:
        model: a network with ReLUs.
        variables: its own.
        images: [N, H, W, C], normalised.
        classes: int [N], what to explain of each image.

    Raises UserError for a model without ReLUs, or with some inside a loop.
    """

    def logits(variables: Variables, images: jax.Array) -> Any:
        return model.apply(variables, images, train=False)

    name = type(model).__name__
    reached, there = count_named(logits, GUIDED, variables, images)
    if there == 0:
        raise UserError(
            f"guided backpropagation changes the gradient of ReLUs, and {name} has none; "
            "smooth_grad and integrated_gradients need none"
        )
    if reached < there:
        raise UserError(
            f"{there - reached} of {name}'s {there} ReLUs are inside loops or branches, where "
            "guided backpropagation does not come; smooth_grad does"
        )
    guided = with_replaced(logits, GUIDED)
    return jax.grad(lambda x: of_class(guided(variables, x), classes).sum())(images)


def _with_guided_gradient(ceiling: float) -> Any:
    """max(0, min(x, ceiling)), which lets back what is positive where it passed x on."""

    @jax.custom_vjp
    def clipped(x: jax.Array) -> jax.Array:
        return jnp.clip(x, 0, ceiling)

    def forward(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        return clipped(x), (x > 0) & (x < ceiling)

    def backward(passed: jax.Array, gradient: jax.Array) -> tuple[jax.Array]:
        return (jnp.where(passed, jnp.maximum(gradient, 0), 0),)

    clipped.defvjp(forward, backward)
    return clipped


GUIDED = {"relu": _with_guided_gradient(jnp.inf), "relu6": _with_guided_gradient(6.0)}
