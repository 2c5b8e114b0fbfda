"""Networks small enough to explain by hand."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.layers.tap import tap


class Convolution(nn.Module):
    """A map of 3 features, a coarser one, and 4 classes; smooth, so that integrals converge."""

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        x = tap(self, "stem", jnp.tanh(nn.Conv(3, (3, 3))(images)))
        x = tap(self, "stage1", jnp.tanh(nn.Conv(5, (2, 2), 2)(x)))
        x = tap(self, "pooled", x.mean((1, 2)))
        return nn.Dense(4)(x)


class Rectified(nn.Module):
    """A map of 4 rectified features, whose means a linear head reads for 3 classes."""

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        x = tap(self, "stage1", nn.relu(nn.Conv(4, (3, 3))(images)))
        return nn.Dense(3)(x.mean((1, 2)))


class Bright(nn.Module):
    """Class 1's logit is the image's brightness, class 0's is its negative."""

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        x = tap(self, "stage1", nn.relu(images))
        evidence = x.sum((1, 2, 3))
        return jnp.stack([-evidence, evidence], axis=1)


def variables_and_images(model: nn.Module) -> tuple[dict, jax.Array]:
    """Two images of 8x6 pixels and 2 channels."""
    images = jax.random.normal(jax.random.key(0), (2, 8, 6, 2))
    return dict(jax.jit(model.init)(jax.random.key(1), images)), images


def spot() -> jax.Array:
    """Two images of 12x12 pixels, bright at rows 6 to 8, the columns 0 to 2 and 9 to 11."""
    images = jnp.zeros((2, 12, 12, 1))
    return images.at[0, 6:9, 0:3].set(1.0).at[1, 6:9, 9:12].set(1.0)
