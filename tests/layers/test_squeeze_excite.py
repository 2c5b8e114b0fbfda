import jax
import numpy as np
from flax import linen as nn

from jaxcnn.layers.squeeze_excite import SqueezeExcite


def test_each_channel_is_scaled_by_what_the_channels_means_say():
    x = jax.random.normal(jax.random.key(0), (2, 5, 3, 8))
    module = SqueezeExcite(reduced=4)
    variables = module.init(jax.random.key(1), x)
    kernels = {name: leaf["kernel"][0, 0] for name, leaf in variables["params"].items()}
    hidden = nn.relu(x.mean((1, 2)) @ kernels["reduce"])
    scale = nn.sigmoid(hidden @ kernels["expand"])  # Biases start at zero.
    y = module.apply(variables, x)
    np.testing.assert_allclose(y, x * scale[:, None, None, :], rtol=1e-4, atol=1e-5)
