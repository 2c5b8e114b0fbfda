"""One step of several runs as one program: what is too small for a chip alone fills it together.

The runs are of one program and differ by their seeds alone: state, batch and key of each are
stacked, and the step is `vmap`ped over them. A run's figures are those that it has alone, but for
rounding: XLA may add up a stacked product in another order.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from jaxcnn.engine.state import TrainState
from jaxcnn.engine.step import Sums, TrainStep

T = TypeVar("T")

# Of a batch (`resident.many_steps`): what all runs are given alike.
SHARED = ("stored", "count")


def abreast(step: TrainStep, num_runs: int) -> TrainStep:
    """`steps(states, batch, keys) -> (states, results)`: `step` of each of so many runs.

    All are tuples with a run's in each place; but the batch is made by `batch_of`.
    """

    def steps(states: Any, batch: Any, keys: Any) -> tuple[tuple[TrainState, ...], Any]:
        shared = {name: of_all for name, of_all in batch.items() if name in SHARED}

        def one(state: TrainState, own: Any, key: jax.Array) -> tuple[TrainState, Sums]:
            return step(state, {**own, **shared}, key)

        state, results = jax.vmap(one)(_stacked(states), _stacked(batch["own"]), jnp.stack(keys))
        return _each(state, num_runs), _each(results, num_runs)

    # Of a step's types but for the tuples.
    return steps  # pyright: ignore[reportReturnType]


def batch_of(batches: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The batch that `abreast` takes, of each run's."""
    first = batches[0]
    own = tuple({name: of[name] for name in of if name not in SHARED} for of in batches)
    return {"own": own, **{name: first[name] for name in SHARED if name in first}}


def _stacked(trees: Sequence[T]) -> T:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def _each(tree: T, num_runs: int) -> tuple[T, ...]:
    return tuple(jax.tree.map(itemgetter(run), tree) for run in range(num_runs))
