"""Integrated gradients: what each pixel adds to a class's logit on the way from a baseline.

Sundararajan et al., 2017, https://arxiv.org/abs/1703.01365.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcnn.errors import UserError
from jaxcnn.explain.scores import of_class
from jaxcnn.models.spec import Variables


class Attributions(NamedTuple):
    """What each pixel adds, and how well that was computed.

    Attributes:
        values: [N, H, W, C], in units of logits.
        gap: [N], how far the sum of an image's values is from its logit less the baseline's, as a
            share of that difference.
        steps: int [N], the gradients taken along its line.
    """

    values: jax.Array
    gap: jax.Array
    steps: jax.Array


# Gradients taken along the line, more and more until the gap is small enough.
ALL_STEPS = (32, 64, 128, 256, 512, 1024)
LARGEST_GAP = 0.02  # Section 5 of the paper has 0.05.


def integrated_gradients(
    model: nn.Module,
    variables: Variables,
    images: jax.Array,
    classes: jax.Array,
    baseline: jax.Array | float = 0.0,
    steps: int | None = None,
) -> jax.Array:
    """What each pixel adds to the class's logit: [N, H, W, C]; `attributions` without the gap."""
    return attributions(model, variables, images, classes, baseline, steps).values


def attributions(
    model: nn.Module,
    variables: Variables,
    images: jax.Array,
    classes: jax.Array,
    baseline: jax.Array | float = 0.0,
    steps: int | None = None,
) -> Attributions:
    """What each pixel adds to the class's logit, in how many steps, and how far that is from whole.

    Section 3, equation 1: the gradient's mean along the straight line from the baseline to the
    image, times their difference. By completeness (proposition 1) an image's values add up to its
    logit less the baseline's, but for the error of integrating with finitely many steps, here by
    Gauss-Legendre's rule. If not told how many, they are doubled until that gap is small enough.

    Args:
        model: any network.
        variables: its own.
        images: [N, H, W, C], normalised.
        classes: int [N], what to explain of each image.
        baseline: an image without evidence, or images; 0 is the data's mean colour.
        steps: gradients taken along the line; if not given, as many of ALL_STEPS as bring the gap
            to LARGEST_GAP or less. The memory needed does not grow with them.

    Raises UserError for less than one step.
    """
    if steps is not None and steps < 1:
        raise UserError(f"steps={steps} is out of range; it must be above 0")
    points, weights, counts = _rules(ALL_STEPS if steps is None else (steps,))
    difference = images - baseline

    def score(images: jax.Array) -> jax.Array:
        logits: Any = model.apply(variables, images, train=False)
        return of_class(logits, classes)

    wanted = score(images) - score(baseline + 0 * difference)

    def by_rule(rule: jax.Array | int) -> Attributions:
        def add(i: jax.Array, mean: jax.Array) -> jax.Array:
            there = baseline + points[rule, i] * difference
            return mean + weights[rule, i] * jax.grad(lambda x: score(x).sum())(there)

        mean = jax.lax.fori_loop(0, counts[rule], add, jnp.zeros_like(difference))
        values = difference * mean
        error = jnp.abs(values.sum((1, 2, 3)) - wanted)
        gap = error / jnp.maximum(jnp.abs(wanted), jnp.finfo(jnp.float32).tiny)
        return Attributions(values, gap, jnp.full(len(images), counts[rule]))

    def is_unfinished(carry: tuple[jax.Array, Attributions]) -> jax.Array:
        rule, found = carry
        return (rule + 1 < len(counts)) & (found.gap > LARGEST_GAP).any()

    def by_next_rule(carry: tuple[jax.Array, Attributions]) -> tuple[jax.Array, Attributions]:
        rule, found = carry
        # An image's values do not depend on what others in the batch need.
        open_ = found.gap > LARGEST_GAP
        values, gap, steps = by_rule(rule + 1)
        found = Attributions(
            jnp.where(open_[:, None, None, None], values, found.values),
            jnp.where(open_, gap, found.gap),
            jnp.where(open_, steps, found.steps),
        )
        return rule + 1, found

    start = jnp.asarray(0), by_rule(0)
    return jax.lax.while_loop(is_unfinished, by_next_rule, start)[1]


def _rules(all_steps: tuple[int, ...]) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Gauss and Legendre's rules on [0, 1]: points and weights [R, S], filled up; steps [R]."""
    points, weights = np.zeros((2, len(all_steps), max(all_steps)), np.float32)
    for row, steps in enumerate(all_steps):
        on_two, of_two = np.polynomial.legendre.leggauss(steps)  # On [-1, 1], whose length is 2.
        points[row, :steps], weights[row, :steps] = (on_two + 1) / 2, of_two / 2
    return jnp.asarray(points), jnp.asarray(weights), jnp.asarray(all_steps)
