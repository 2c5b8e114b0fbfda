"""Stochastic weight averaging: when weights go into the average, and with what share.

Izmailov et al., 2018, https://arxiv.org/abs/1803.05407, algorithm 1, with an epoch for a cycle.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.sharding import NamedSharding

from jaxcnn.engine.learning import Learning
from jaxcnn.engine.mesh import to_devices
from jaxcnn.layers.normalize import statistics_kept, statistics_of_one_batch
from jaxcnn.models.spec import Variables
from jaxcnn.task.task import Batch, Task

SwaRate = Callable[[jax.Array], jax.Array]
"""Number of steps that are done -> share of the newest weights in the average; 0 for none."""


def swa_rate(start: float, *, steps_per_epoch: int, total_steps: int) -> SwaRate:
    """The share that makes the average the mean of the weights at ends of epochs.

    Those from the share `start` of the run on count, the run's own end too; before that the average
    is the newest of them. A function of the step alone, so that the mean needs no count beside it.
    """
    first = first_step(start, total_steps)
    before = (first - 1) // steps_per_epoch  # Ends of epochs that do not count.

    def rate(step: jax.Array) -> jax.Array:
        is_end = (step % steps_per_epoch == 0) | (step == total_steps)
        ends = -(-step // steps_per_epoch) - before
        return jnp.where(is_end, 1.0 / jnp.maximum(ends, 1).astype(jnp.float32), 0.0)

    return rate


def first_step(start: float, total_steps: int) -> int:
    """The first step after which the end of an epoch counts."""
    return max(1, math.ceil(start * total_steps))


@dataclass(frozen=True)
class FreshStatistics:
    """Batch statistics of averaged weights, computed anew: the mean of those of weights apart is
    none of their mean's (section 3.2 there, `bn_update` in the authors' code).

    Attributes:
        first: the step from which on they are needed.
        of_batch: compiled; (variables, batch) -> batch statistics.
        rows: how batches lie on the devices.
    """

    first: int
    of_batch: Callable[[Variables, Batch], Any]
    rows: NamedSharding

    def __call__(self, variables: Variables, batches: Iterable[Mapping[str, Any]]) -> Any:
        """The mean of the batches' own, as it lay before; batches are those of evaluation."""
        total, count = None, 0
        for batch in batches:
            there = isinstance(batch["weight"], jax.Array)
            found = self.of_batch(variables, batch if there else to_devices(batch, self.rows))
            total = found if total is None else jax.tree.map(jnp.add, total, found)
            count += 1
        return jax.tree.map(
            lambda new, old: jax.device_put(new / count, old.sharding),
            total,
            variables["batch_stats"],
        )


def statistics_of_batch(
    model: nn.Module, task: Task, learning: Learning
) -> Callable[[Variables, Batch], Any]:
    """(variables, batch of evaluation) -> the batch's own statistics, of the modules that learn.

    Rows that only fill the batch have those before them again.
    """

    def of_batch(variables: Variables, batch: Batch) -> Any:
        images, _ = task.prepare_eval(jax.random.key(0), batch)
        real = jnp.maximum(jnp.sum(batch["weight"] > 0), 1)
        images = images[jnp.arange(len(images)) % real]
        with statistics_kept(learning.kept_norms), statistics_of_one_batch():
            _, updated = model.apply(
                variables,
                images,
                train=True,
                mutable=["batch_stats", "aux_logits"],
                rngs={"dropout": jax.random.key(0)},
            )
        return updated["batch_stats"]

    return of_batch
