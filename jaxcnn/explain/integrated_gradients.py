"""Integrated gradients: what each pixel adds to a class's logit on the way from a baseline.

Sundararajan et al., 2017, https://arxiv.org/abs/1703.01365.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcnn.errors import UserError
from jaxcnn.explain.scores import of_class
from jaxcnn.models.spec import Variables


def integrated_gradients(
    model: nn.Module,
    variables: Variables,
    images: jax.Array,
    classes: jax.Array,
    baseline: jax.Array | float = 0.0,
    steps: int = 32,
) -> jax.Array:
    """What each pixel adds to the class's logit: [N, H, W, C], in units of logits.

    Section 3, equation 1: the gradient's mean along the straight line from the baseline to the
    image, times their difference. Completeness (proposition 1): the sum over an image is its logit
    less the baseline's, but for the error of integrating with finitely many steps, here by
    Gauss-Legendre's rule.

    Args:
        model: any network.
        variables: its own.
        images: [N, H, W, C], normalised.
        classes: int [N], what to explain of each image.
        baseline: an image without evidence, or images; 0 is the data's mean colour.
        steps: gradients taken along the line; the memory needed does not grow with them.

    Raises UserError for less than one step.
    """
    if steps < 1:
        raise UserError(f"steps={steps} is out of range; it must be above 0")
    points, weights = np.polynomial.legendre.leggauss(steps)  # On [-1, 1], whose length is 2.
    shares, weights = jnp.float32((points + 1) / 2), jnp.float32(weights / 2)
    difference = images - baseline

    def score(images: jax.Array) -> jax.Array:
        logits: Any = model.apply(variables, images, train=False)
        return of_class(logits, classes).sum()

    def add(mean: jax.Array, point: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        share, weight = point
        return mean + weight * jax.grad(score)(baseline + share * difference), None

    mean_gradient, _ = jax.lax.scan(add, jnp.zeros_like(difference), (shares, weights))
    return difference * mean_gradient
