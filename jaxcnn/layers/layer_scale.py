"""Layer scale: a residual branch starts close to nothing, and each channel learns how much it adds.

Touvron et al., 2021, https://arxiv.org/abs/2103.17239, section 2
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.ops.channel import scale_channels


class LayerScale(nn.Module):
    """x [..., C] -> x * gamma, in x's dtype.

    Fields:
        init_value: of every entry of gamma.

    Param `gamma`: [C], float32.
    """

    init_value: float

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        init = nn.initializers.constant(self.init_value)
        gamma = self.param("gamma", init, (x.shape[-1],), jnp.float32)
        return scale_channels(x, gamma.astype(x.dtype))
