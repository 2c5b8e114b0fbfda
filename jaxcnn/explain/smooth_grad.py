"""SmoothGrad: the gradient's mean over copies of the image with noise.

Smilkov et al., 2017, https://arxiv.org/abs/1706.03825.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.errors import UserError
from jaxcnn.explain.scores import of_class
from jaxcnn.models.spec import Variables


def smooth_grad(
    model: nn.Module,
    variables: Variables,
    images: jax.Array,
    classes: jax.Array,
    key: jax.Array,
    noise: float = 0.15,
    samples: int = 50,
) -> jax.Array:
    """The class's logit gained for each unit of a pixel, in the mean: [N, H, W, C].

    Section 3: the mean gradient at `samples` copies of the image with Gaussian noise. The paper
    finds 10 to 20 % of noise good, and hardly more to gain above 50 copies; it shows the absolute
    value.

    Args:
        model: any network.
        variables: its own.
        images: [N, H, W, C], normalised.
        classes: int [N], what to explain of each image.
        key: what the noise is drawn from. Each image gets the same draws, so that what it gets
            does not depend on the others of the batch.
        noise: standard deviation, as a share of the image's range from least to largest value.
        samples: gradients taken, one after the other.

    Raises UserError for less than one sample, or noise below 0.
    """
    if samples < 1:
        raise UserError(f"samples={samples} is out of range; it must be above 0")
    if noise < 0:
        raise UserError(f"noise={noise} is out of range; it must be 0 or above")
    range_ = images.max((1, 2, 3), keepdims=True) - images.min((1, 2, 3), keepdims=True)
    keys = jax.random.split(key, samples)

    def score(images: jax.Array) -> jax.Array:
        logits: Any = model.apply(variables, images, train=False)
        return of_class(logits, classes).sum()

    def add(i: jax.Array, total: jax.Array) -> jax.Array:
        drawn = jax.random.normal(keys[i], images.shape[1:], images.dtype)
        return total + jax.grad(score)(images + noise * range_ * drawn)

    return jax.lax.fori_loop(0, samples, add, jnp.zeros_like(images)) / samples
