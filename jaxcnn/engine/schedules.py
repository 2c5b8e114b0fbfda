"""Learning rate as a function of the step."""

from collections import Counter
from typing import Any

import jax.numpy as jnp
import optax

from jaxcnn.recipe import Schedule


def make_schedule(
    config: Schedule, peak_lr: float, *, steps_per_epoch: int, total_steps: int
) -> optax.Schedule:
    """`schedule(step) -> learning rate`: linear warmup, then the configured shape to the end.

    Cosine: Loshchilov and Hutter, 2017, https://arxiv.org/abs/1608.03983, one period, no restart.
    A warmup longer than the run is cut to its length.
    """
    warmup_steps = min(round(config.warmup_epochs * steps_per_epoch), total_steps)
    shape_starts = warmup_steps if config.warmup_prefix else 0
    shape = _shape(config, peak_lr, shape_starts, total_steps)
    warmup = optax.linear_schedule(config.warmup_lr, peak_lr, warmup_steps)

    def schedule(step: Any) -> Any:
        if config.by_epoch:
            step = step - step % steps_per_epoch
        rate = shape(step - shape_starts)
        return jnp.where(step < warmup_steps, warmup(step), rate) if warmup_steps else rate

    return schedule


def _shape(config: Schedule, peak_lr: float, starts: int, total_steps: int) -> optax.Schedule:
    """The rate after the warmup, as a function of the steps since step `starts`."""
    steps = max(1, total_steps - starts)
    match config.name:
        case "cosine":
            return optax.cosine_decay_schedule(peak_lr, steps, alpha=config.min_lr / peak_lr)
        case "linear":
            return optax.linear_schedule(peak_lr, config.min_lr, steps)
        case "step":
            # Two that fall on one step multiply twice.
            drops = Counter(round(part * total_steps) - starts for part in config.milestones)
            return optax.piecewise_constant_schedule(
                peak_lr, {step: config.factor**times for step, times in drops.items()}
            )
        case "exponential":
            return optax.exponential_decay(peak_lr, steps, config.factor)
        case "constant":
            return optax.constant_schedule(peak_lr)
