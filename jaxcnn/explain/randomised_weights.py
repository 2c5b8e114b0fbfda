"""Whether a map depends on what the network has learned: its likeness to the map of one that has
learned nothing.

Adebayo et al., 2018, https://arxiv.org/abs/1810.03292.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.scipy.stats import rankdata

from jaxcnn.errors import UserError
from jaxcnn.models.spec import LayerOrder, Variables, init_variables


def randomised(
    model: nn.Module,
    variables: Variables,
    key: jax.Array,
    images: jax.Array,
    modules: Sequence[str] | None = None,
) -> Variables:
    """Variables of which the parameters and statistics of some modules are as before training.

    Args:
        model: any network.
        variables: its own.
        key: what the model's initialisers draw from.
        images: [N, H, W, C], of which only the shape is used.
        modules: names at the top of `variables["params"]`; all if not given.

    Raises UserError for a name that is not there.
    """
    there = variables["params"].keys()
    modules = list(there) if modules is None else modules
    if unknown := [name for name in modules if name not in there]:
        raise UserError(f"there is no module {unknown[0]!r}; there are {', '.join(sorted(there))}")
    # Compiled, as the operations of a deep network's initialisers take longer one by one.
    init = jax.jit(init_variables, static_argnums=(0, 2, 3))
    fresh = init(model, key, (images.shape[1], images.shape[2]), images.shape[3])
    return {
        collection: {
            name: fresh[collection][name] if name in modules else leaves
            for name, leaves in variables[collection].items()
        }
        for collection in variables
    }


def from_the_head_down(layers: LayerOrder, variables: Variables) -> list[list[str]]:
    """The modules of each layer, the head's first: the order of a cascade.

    layers: `jaxcnn.models.model_spec(NAME).layers`, where the model has it.
    """
    numbers = layers.numbers(variables["params"])
    order = sorted(set(numbers.values()), reverse=True)
    return [[name for name, number in numbers.items() if number == layer] for layer in order]


def randomisation_correlations(
    explain: Callable[[Variables], jax.Array],
    model: nn.Module,
    variables: Variables,
    key: jax.Array,
    images: jax.Array,
    cascade: Sequence[Sequence[str]] | None = None,
) -> jax.Array:
    """How alike maps are before and after weights are randomised: [R, N], in [-1, 1].

    A map that stays alike shows the image's edges or the network's shape, not what was learned:
    near 0 is good. NaN where a map is everywhere the same, which has no order.

    Args:
        explain: variables -> [N, H, W], such as `lambda v: grad_cam(model, v, images, classes)`.
        model: the network.
        variables: its own.
        key: what the model's initialisers draw from.
        images: [N, H, W, C], of which only the shape is used.
        cascade: modules at the top of `variables["params"]` to randomise, each row on top of those
            before, as `from_the_head_down` lists them; all at once if not given, so that R is 1.

    Raises UserError for a module that is not there.
    """
    rows = [list(variables["params"])] if cascade is None else cascade
    correlation = jax.jit(rank_correlation)
    learned = explain(variables)
    correlations = []
    done: list[str] = []
    for row in rows:
        done += row
        found = explain(randomised(model, variables, key, images, done))
        correlations.append(correlation(learned, found))
    return jnp.stack(correlations)


def rank_correlation(one: jax.Array, other: jax.Array) -> jax.Array:
    """Spearman's, of each map with its counterpart: [N, H, W] twice -> [N]; NaN without contrast.

    Equal values share the mean of their ranks.
    """

    def standardised(maps: jax.Array) -> jax.Array:
        rank = rankdata(maps.reshape(len(maps), -1), axis=1)
        rank = rank - rank.mean(1, keepdims=True)
        return rank / jnp.linalg.norm(rank, axis=1, keepdims=True)

    return (standardised(one) * standardised(other)).sum(1)
