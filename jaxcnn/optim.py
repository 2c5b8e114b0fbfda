"""optax optimisers by name, with weight decay on kernels only."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from optax import contrib

from jaxcnn.recipe import Optim


def decayed(params: Any) -> Any:
    """True for the parameters that weight decay applies to: not biases, nor norms' scales."""
    return jax.tree.map(lambda p: p.ndim > 1, params)


def muon_dimensions(params: Any) -> Any:
    """Muon sees a kernel [..., in, out] as a matrix [prod(..., in), out]; vectors get Adam."""

    def dimensions(p: jax.Array) -> contrib.MuonDimensionNumbers | None:
        if p.ndim < 2:
            return None
        return contrib.MuonDimensionNumbers(
            reduction_axis=tuple(range(p.ndim - 1)), output_axis=p.ndim - 1
        )

    return jax.tree.map(dimensions, params)


def make_optimizer(config: Optim, schedule: optax.Schedule) -> optax.GradientTransformation:
    """The configured optimiser at the scheduled learning rate, after gradient clipping."""
    lr, momentum, decay = schedule, config.momentum, config.weight_decay
    dtype = config.momentum_dtype
    coupled_decay = optax.add_decayed_weights(decay, mask=decayed)
    match config.name:
        case "sgd":
            sgd = optax.sgd(lr, momentum, nesterov=True, accumulator_dtype=dtype)
            optimizer = optax.chain(coupled_decay, sgd)
        case "rmsprop":
            # Epsilon and decay as EfficientNet's authors have them.
            rmsprop = optax.rmsprop(lr, decay=0.9, eps=1e-3, momentum=momentum, initial_scale=1.0)
            optimizer = optax.chain(coupled_decay, rmsprop)
        case "adamw":
            optimizer = optax.adamw(lr, weight_decay=decay, mask=decayed, mu_dtype=dtype)
        case "lamb":
            optimizer = optax.lamb(lr, weight_decay=decay, mask=decayed)
        case "lion":
            optimizer = optax.lion(lr, weight_decay=decay, mask=decayed, mu_dtype=dtype)
        case "muon":
            optimizer = contrib.muon(
                lr,
                beta=momentum,
                mu_dtype=jnp.dtype(dtype),
                weight_decay=decay,
                weight_decay_mask=decayed,
                muon_weight_dimension_numbers=muon_dimensions,
            )
    if config.clip_norm is None:
        return optimizer
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), optimizer)


def scheduled_at(opt_state: optax.OptState, step: Any) -> optax.OptState:
    """`opt_state` with the learning rate's schedule at `step`, whatever steps were left out."""

    def of_schedule(path: Any, count: Any) -> bool:
        return getattr(path[-1], "tuple_name", None) == "ScaleByScheduleState"

    return optax.tree.set(opt_state, of_schedule, count=step)
