"""Rematerialisation: a block's activations are computed again in the backward pass.

Chen et al., 2016, https://arxiv.org/abs/1604.06174.
"""

from typing import Any

import jax
from flax import linen as nn


def call_block(block: nn.Module, x: jax.Array, *, remat: bool, **static: Any) -> jax.Array:
    """`block(x, **static)`; with `remat` only x is kept for the backward pass.

    The block's parameters, their names and its random numbers are the same either way.
    """

    def call(block: Any, x: jax.Array) -> jax.Array:
        return block(x, **static)

    return nn.remat(call)(block, x) if remat else call(block, x)
