"""optax optimisers by name, with weight decay on kernels only unless a recipe wants it on all."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import optax
from optax import contrib

from jaxcnn.errors import UserError
from jaxcnn.models.hidden_matrices import Path
from jaxcnn.models.spec import LayerOrder
from jaxcnn.recipe import Optim, momentum_of

# Path of a kernel -> how many matrices it is.
Matrices = Mapping[Path, int]

# What the gradient's global norm is brought down to for lamb where a recipe says nothing: the
# default of timm's, with which "ResNet strikes back" was trained.
LAMB_CLIP_NORM = 1.0
# Of the AdamW beside Muon, by its author: https://github.com/KellerJordan/Muon at 857d1adc.
MUON_ADAM: Mapping[str, Any] = MappingProxyType({"b1": 0.9, "b2": 0.95, "eps": 1e-10})


def kernels(params: Any) -> Any:
    """True for the weights of dense and convolutional layers.

    A model's file names these `kernel`; a norm's scale, a bias, a class token, a position embedding
    and a table of biases have names of their own, however many axes they have.
    """
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)


def make_optimizer(
    config: Optim,
    schedule: optax.Schedule,
    matrices: Matrices | None = None,
    layers: LayerOrder | None = None,
) -> optax.GradientTransformation:
    """The configured optimiser at the scheduled learning rate, after gradient clipping.

    `matrices` are what muon orthogonalises (`hidden_matrices` of a model): all kernels, each as one
    matrix, if not given. `layers` is the model's order, for layer decay. Raises UserError where
    that has none to go by.
    """
    lr, decay = schedule, config.weight_decay
    momentum = momentum_of(config)
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
            optimizer = _muon(config, lr, momentum, decayed, matrices)
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


def _muon(
    config: Optim,
    schedule: optax.Schedule,
    momentum: float,
    decayed: Any,
    matrices: Matrices | None,
) -> optax.GradientTransformation:
    """Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/: Muon moves `matrices`.

    All else is AdamW's, at a rate of its own which follows the same schedule. `optax.contrib.muon`
    corrects its average of gradients for the bias towards zero, the newest gradient otherwise than
    the others, so that its first steps are not those of the author's; and it takes no groups.
    """

    def groups(path: Any) -> int:
        """How many matrices a parameter is; 0 for none."""
        names = tuple(key.key for key in path)
        return int(names[-1] == "kernel") if matrices is None else matrices.get(names, 0)

    def kinds(params: Any) -> Any:
        return jax.tree_util.tree_map_with_path(
            lambda path, _: "matrix" if groups(path) else "other", params
        )

    def orthogonal(updates: Any, _: Any) -> Any:
        return jax.tree_util.tree_map_with_path(
            lambda path, leaf: _orthogonalized(leaf, groups(path)), updates
        )

    dtype, decay = config.momentum_dtype, config.weight_decay
    decays = optax.add_decayed_weights(decay, mask=decayed)
    scales = optax.scale_by_learning_rate(schedule)
    muon = optax.chain(
        optax.trace(momentum, nesterov=True, accumulator_dtype=dtype),
        optax.stateless(orthogonal),
        *((scales, optax.stateless(_from_fixed_norm)) if config.fixed_norm else (decays, scales)),
    )
    adamw = optax.adamw(
        lambda step: schedule(step) * (config.adam_lr / config.lr),
        weight_decay=decay,
        mask=decayed,
        mu_dtype=dtype,
        **MUON_ADAM,
    )
    return optax.partition({"matrix": muon, "other": adamw}, kinds)


def _orthogonalized(kernel: jax.Array, groups: int) -> jax.Array:
    """[..., O], each of its `groups` matrices made about orthogonal, and longer where it has more
    outputs than inputs."""
    matrices = kernel.reshape(-1, groups, kernel.shape[-1] // groups)
    inputs, _, outputs = matrices.shape
    axes = contrib.MuonDimensionNumbers(reduction_axis=0, output_axis=2)
    # Of this only the five steps of Newton and Schulz: the momentum has been taken.
    newton = contrib.scale_by_muon(
        beta=0.0, eps=1e-7, nesterov=False, weight_dimension_numbers=axes
    )
    orthogonal: Any = newton.update(matrices, newton.init(matrices))[0]
    return (max(1.0, outputs / inputs) ** 0.5 * orthogonal).reshape(kernel.shape)


def _from_fixed_norm(updates: Any, kernels: Any) -> Any:
    """The updates, begun where each kernel [..., O] has been brought to the norm sqrt(O).

    As https://github.com/KellerJordan/cifar10-airbench does at f1c599c4, airbench94_muon.py.
    """

    def begun_there(update: jax.Array, kernel: jax.Array) -> jax.Array:
        factor = kernel.shape[-1] ** 0.5 / jnp.linalg.norm(kernel.ravel())
        return update + (factor - 1) * kernel

    return jax.tree.map(begun_there, updates, kernels)


def _where(mask: Any, transformation: optax.GradientTransformation) -> optax.GradientTransformation:
    return transformation if mask is None else optax.masked(transformation, mask)


def _nothing(params: Any) -> Any:
    return jax.tree.map(lambda _: False, params)


def scheduled_at(opt_state: optax.OptState, step: Any) -> optax.OptState:
    """`opt_state` with the learning rate's schedule at `step`, whatever steps were left out."""

    def of_schedule(path: Any, count: Any) -> bool:
        return getattr(path[-1], "tuple_name", None) == "ScaleByScheduleState"

    return optax.tree.set(opt_state, of_schedule, count=step)
