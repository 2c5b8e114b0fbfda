"""Names a point inside a network, so that it can be looked at from outside."""

import jax
from flax import linen as nn

# What a model's head reads: [N, C], of every model.
POOLED = "pooled"


def tap(module: nn.Module, name: str, x: jax.Array) -> jax.Array:
    """Marks `x` as the stage output `name` of `module`, and returns it.

    `apply(..., mutable=["stages"])` then gives the value; a "perturbations" collection given to
    `apply` is added to it, so that its gradient is the gradient at `x`. Free when neither is used.
    """
    if module.is_initializing():  # `model.init` would keep every feature map as a variable.
        return x
    module.sow("stages", name, x)
    return module.perturb(name, x)
