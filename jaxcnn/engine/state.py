"""What a training step carries from one step to the next."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax import struct

from jaxcnn.engine.learning import ALL, Learning
from jaxcnn.models.spec import Variables, init_variables


class TrainState(struct.PyTreeNode):
    """Arrays only; behaviour is closed over by the step.

    `ema_params` and `ema_batch_stats` are the average that is evaluated, over steps or over epochs
    (SWA), and None when none is kept.
    """

    step: jax.Array
    params: Any
    batch_stats: Any
    opt_state: optax.OptState
    ema_params: Any = None
    ema_batch_stats: Any = None


def init_state(
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    key: jax.Array,
    *,
    image_size: tuple[int, int],
    channels: int,
    ema: bool = False,
) -> TrainState:
    """A fresh state at step 0, for images [N, *image_size, channels]."""
    variables = init_variables(model, key, image_size, channels)
    return fresh_state(variables, optimizer, ema=ema)


def fresh_state(
    variables: Variables,
    optimizer: optax.GradientTransformation,
    *,
    ema: bool = False,
    learning: Learning = ALL,
) -> TrainState:
    """The state at step 0 of a model with these variables, of which those of `learning` learn."""
    params, batch_stats = variables["params"], variables["batch_stats"]
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        batch_stats=batch_stats,
        opt_state=optimizer.init(learning.split(params)[0]),
        # Copies: the step donates the state, and a buffer cannot be donated twice.
        ema_params=jax.tree.map(jnp.copy, params) if ema else None,
        ema_batch_stats=jax.tree.map(jnp.copy, batch_stats) if ema else None,
    )


def eval_variables(state: TrainState) -> Variables:
    """What evaluation uses: the averages where they are kept, else the weights themselves."""
    if state.ema_params is None:
        return {"params": state.params, "batch_stats": state.batch_stats}
    return {"params": state.ema_params, "batch_stats": state.ema_batch_stats}
