"""Local response normalisation as a layer over `jaxcnn.ops.lrn`."""

import jax
from flax import linen as nn

from jaxcnn.ops.lrn import local_response_norm


class LocalResponseNorm(nn.Module):
    """Damps each channel of [..., C] by the `size` channels around it; no parameters.

    The defaults are those of Krizhevsky et al., 2012, section 3.3; `alpha` multiplies the sum of
    squares, where PyTorch's and Caffe's multiplies their mean.
    """

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 2.0

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return local_response_norm(x, self.size, self.alpha, self.beta, self.k)
