"""Metrics as sums and counts, so that batches, epochs and devices add up exactly."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

Sums = dict[str, float]


def batch_sums(
    losses: jax.Array, logits: jax.Array, labels: jax.Array, weight: jax.Array
) -> dict[str, jax.Array]:
    """Sums over a batch of what `summarize` divides.

    Args:
        losses: [N] loss of each example.
        logits: [N, K].
        labels: [N] class of each example.
        weight: [N] 1 for a real example, 0 for one that only fills the batch.
    """
    true_logit = jnp.take_along_axis(logits, labels[:, None], axis=-1)
    # How many classes stand above the true one; a tie is lost to the lower class, as argmax has it.
    classes = jnp.arange(logits.shape[-1])
    above = (logits > true_logit) | ((logits == true_logit) & (classes < labels[:, None]))
    rank = above.sum(-1)
    return {
        "loss": jnp.sum(losses * weight),
        "top1": jnp.sum((rank < 1) * weight),
        "top5": jnp.sum((rank < 5) * weight),
        "n": jnp.sum(weight),
    }


def add_sums(total: Mapping[str, float], sums: Mapping[str, jax.Array]) -> Sums:
    """`total` plus a batch's sums, on the host in double precision."""
    return {name: total.get(name, 0.0) + float(value) for name, value in sums.items()}


def summarize(sums: Mapping[str, float]) -> dict[str, float | int]:
    """`{"top1", "top5", "loss", "n"}`: fractions, the mean loss, and how many examples."""
    n = sums["n"]
    mean = {name: sums[name] / n for name in ("top1", "top5", "loss")}
    return {**mean, "n": round(n)}
