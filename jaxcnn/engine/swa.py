"""Stochastic weight averaging: when weights go into the average, and with what share.

Izmailov et al., 2018, https://arxiv.org/abs/1803.05407, algorithm 1, with an epoch for a cycle.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

SwaRate = Callable[[jax.Array], jax.Array]
"""Number of steps that are done -> share of the newest weights in the average; 0 for none."""


def swa_rate(start: float, *, steps_per_epoch: int, total_steps: int) -> SwaRate:
    """The share that makes the average the mean of the weights at ends of epochs.

    Those from the share `start` of the run on count, the run's own end too; before that the average
    is the newest of them. A function of the step alone, so that the mean needs no count beside it.
    """
    first = max(1, math.ceil(start * total_steps))
    before = (first - 1) // steps_per_epoch  # Ends of epochs that do not count.

    def rate(step: jax.Array) -> jax.Array:
        is_end = (step % steps_per_epoch == 0) | (step == total_steps)
        ends = -(-step // steps_per_epoch) - before
        return jnp.where(is_end, 1.0 / jnp.maximum(ends, 1).astype(jnp.float32), 0.0)

    return rate
