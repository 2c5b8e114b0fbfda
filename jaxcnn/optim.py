"""optax optimisers by name, with weight decay on kernels only unless a recipe wants it on all."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from optax import contrib

from jaxcnn.errors import UserError
from jaxcnn.models.spec import LayerOrder
from jaxcnn.recipe import Optim

# What the gradient's global norm is brought down to for lamb where a recipe says nothing: the
# default of timm's, with which "ResNet strikes back" was trained.
LAMB_CLIP_NORM = 1.0


def kernels(params: Any) -> Any:
    """True for the weights of dense and convolutional layers.

    A model's file names these `kernel`; a norm's scale, a bias, a class token, a position embedding
    and a table of biases have names of their own, however many axes they have.
    """
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)


def muon_dimensions(params: Any) -> Any:
    """Muon sees a kernel [..., in, out] as a matrix [prod(..., in), out]; all else gets Adam."""

    def dimensions(p: jax.Array, is_kernel: bool) -> contrib.MuonDimensionNumbers | None:
        if not is_kernel:
            return None
        return contrib.MuonDimensionNumbers(
            reduction_axis=tuple(range(p.ndim - 1)), output_axis=p.ndim - 1
        )

    return jax.tree.map(dimensions, params, kernels(params))


def make_optimizer(
    config: Optim, schedule: optax.Schedule, layers: LayerOrder | None = None
) -> optax.GradientTransformation:
    """The configured optimiser at the scheduled learning rate, after gradient clipping.

    `layers` is the model's order, for layer decay. Raises UserError where that has none to go by.
    """
    lr, momentum, decay = schedule, config.momentum, config.weight_decay
    dtype = config.momentum_dtype
    decayed = kernels if config.decay == "kernels" else None
    coupled_decay = optax.add_decayed_weights(decay, mask=decayed)
    # An optimiser's own where a recipe says nothing.
    eps: dict[str, Any] = {} if config.eps is None else {"eps": config.eps}
    betas: dict[str, Any] = {}
    if config.betas is not None:
        betas["b1"], betas["b2"] = config.betas
    clip_norm = config.clip_norm
    match config.name:
        case "sgd":
            sgd = optax.sgd(lr, momentum, nesterov=config.nesterov, accumulator_dtype=dtype)
            optimizer = optax.chain(coupled_decay, sgd)
        case "rmsprop":
            # Epsilon as EfficientNet's authors have it.
            rmsprop = optax.rmsprop(
                lr,
                decay=config.rmsprop_decay,
                momentum=momentum,
                initial_scale=1.0,
                **{"eps": 1e-3, **eps},
            )
            optimizer = optax.chain(coupled_decay, rmsprop)
        case "adamw":
            optimizer = optax.adamw(
                lr, weight_decay=decay, mask=decayed, mu_dtype=dtype, **betas, **eps
            )
        case "lamb":
            optimizer = _lamb(lr, decay, decayed, {**betas, **eps})
            clip_norm = clip_norm or LAMB_CLIP_NORM
        case "lion":
            optimizer = optax.lion(lr, weight_decay=decay, mask=decayed, mu_dtype=dtype, **betas)
        case "muon":
            optimizer = contrib.muon(
                lr,
                beta=momentum,
                mu_dtype=jnp.dtype(dtype),
                weight_decay=decay,
                weight_decay_mask=decayed,
                muon_weight_dimension_numbers=muon_dimensions,
            )
    if config.layer_decay is not None:
        optimizer = optax.chain(optimizer, _scale_by_layer(config.layer_decay, layers))
    if clip_norm is None:
        return optimizer
    return optax.chain(optax.clip_by_global_norm(clip_norm), optimizer)


def _scale_by_layer(decay: float, layers: LayerOrder | None) -> optax.GradientTransformation:
    """What an update of the head moves, one of the layer before moves by `decay` of it, and so on.

    Bao et al., 2022, https://arxiv.org/abs/2106.08254; the layers are those of timm's
    `param_groups_layer_decay`.
    """
    if layers is None:
        raise UserError(
            f"--optim.layer-decay={decay} goes by the order of a model's layers, which this one's "
            "file does not say; leave it out"
        )

    def scaled(updates: Any, params: Any) -> Any:
        numbers = layers.numbers(updates)
        last = max(numbers.values())
        factors = {name: decay ** (last - number) for name, number in numbers.items()}
        return {name: optax.tree.scale(factors[name], of) for name, of in updates.items()}

    return optax.stateless(scaled)


def _lamb(
    lr: optax.Schedule, decay: float, decayed: Any, adam: dict[str, Any]
) -> optax.GradientTransformation:
    """You et al., 2020, https://arxiv.org/abs/1904.00962, with the trust ratio of timm's `Lamb`.

    What does not decay has no trust ratio either: a BatchNorm's scale that starts at zero, and a
    bias, would hardly move by it. `optax.lamb` gives one to all.
    """
    return optax.chain(
        optax.scale_by_adam(**{"eps": 1e-6, **adam}),
        optax.add_decayed_weights(decay, mask=decayed),
        _where(decayed if decay else _nothing, optax.scale_by_trust_ratio()),
        optax.scale_by_learning_rate(lr),
    )


def _where(mask: Any, transformation: optax.GradientTransformation) -> optax.GradientTransformation:
    return transformation if mask is None else optax.masked(transformation, mask)


def _nothing(params: Any) -> Any:
    return jax.tree.map(lambda _: False, params)


def scheduled_at(opt_state: optax.OptState, step: Any) -> optax.OptState:
    """`opt_state` with the learning rate's schedule at `step`, whatever steps were left out."""

    def of_schedule(path: Any, count: Any) -> bool:
        return getattr(path[-1], "tuple_name", None) == "ScaleByScheduleState"

    return optax.tree.set(opt_state, of_schedule, count=step)
