"""Global response normalisation: channels compete by how strongly the whole image excites them.

Woo et al., 2023, https://arxiv.org/abs/2301.00808, section 3.3
"""

import jax
import jax.numpy as jnp
from flax import linen as nn


class GlobalResponseNorm(nn.Module):
    """x [N, H, W, C] -> x + scale * x * response + bias, in x's dtype.

    A channel's response is its Euclidean norm over the pixels, relative to the channels' mean norm;
    it is computed in float32. Scale and bias start at zero, so that the layer starts as the
    identity.

    Params `scale`, `bias`: [C], float32.
    """

    epsilon: float = 1e-6

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (x.shape[-1],)
        scale = self.param("scale", nn.initializers.zeros, shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, shape, jnp.float32)
        wide = x.astype(jnp.float32)
        squares = jnp.square(wide).sum((1, 2), keepdims=True)  # [N, 1, 1, C]
        # A root has no gradient at 0, and a silent channel must not turn the others' into NaN.
        silent = squares == 0
        norms = jnp.where(silent, 0.0, jnp.sqrt(jnp.where(silent, 1.0, squares)))
        response = norms / (norms.mean(-1, keepdims=True) + self.epsilon)
        return (wide + scale * wide * response + bias).astype(x.dtype)
