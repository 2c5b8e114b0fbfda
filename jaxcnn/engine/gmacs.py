"""The work of a program's network, from shapes alone."""

import jax
import jax.numpy as jnp

from jaxcnn.engine.program import Program
from jaxcnn.models.tools.macs import count_macs


def gmacs(program: Program) -> float:
    """1e9 multiply-accumulates of one image's forward pass."""
    variables = {"params": program.state_like.params, "batch_stats": program.state_like.batch_stats}
    images = jax.ShapeDtypeStruct((1, *program.batch_like["image"].shape[1:]), jnp.float32)
    return count_macs(lambda v, x: program.model.apply(v, x, train=False), variables, images) / 1e9
