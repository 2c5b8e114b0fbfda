"""Learning rate as a function of the step."""

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
    decay_steps = max(1, total_steps - warmup_steps)
    match config.name:
        case "cosine":
            decay = optax.cosine_decay_schedule(peak_lr, decay_steps)
        case "step":
            milestones = {
                round(fraction * total_steps) - warmup_steps: config.factor
                for fraction in config.milestones
            }
            decay = optax.piecewise_constant_schedule(peak_lr, milestones)
        case "exponential":
            decay = optax.exponential_decay(peak_lr, decay_steps, config.factor)
        case "constant":
            decay = optax.constant_schedule(peak_lr)
    if warmup_steps == 0:
        return decay
    warmup = optax.linear_schedule(0.0, peak_lr, warmup_steps)
    return optax.join_schedules([warmup, decay], [warmup_steps])
