"""LeNet: convolution, subsampling, convolution, subsampling, dense.

`lenet5`: LeCun et al., 1998, section II.B, http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf,
with every map of the second convolution seeing all six of the first (the paper's table I leaves
some out), plain average pooling (the paper's has two weights a map) and a softmax head (the
paper's is Euclidean RBF units): 61,706 parameters as it is taught; the paper counts 60,000.

`lenet_1989`: LeCun et al., 1989, http://yann.lecun.com/exdb/publis/pdf/lecun-89e.pdf, as it is
taught: no pooling, the convolutions themselves stride by 2, and 6 and 12 maps that a network with
pooling of the same 32x32 image would have at 14x14 and 5x5.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.layers.conv import Conv
from jaxcnn.layers.dense import Dense
from jaxcnn.layers.head import head
from jaxcnn.layers.tap import tap
from jaxcnn.models.spec import LayerOrder, ModelSpec, require_size
from jaxcnn.ops.pool import avg_pool


def scaled_tanh(x: jax.Array) -> jax.Array:
    """1.7159 tanh(2x/3): f(±1) = ±1, where the slope changes fastest (1998, appendix A)."""
    return 1.7159 * jnp.tanh(x * (2 / 3))


def uniform_fan_in(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
    """Uniform in ±2.4 / fan_in, for kernels [..., in, out] (1998, appendix A)."""
    fan_in = 1
    for size in shape[:-1]:
        fan_in *= size
    return jax.random.uniform(key, shape, dtype, -2.4 / fan_in, 2.4 / fan_in)


class LeNet(nn.Module):
    """32x32 images -> two stages of 5x5 convolution that halve the image -> three dense layers.

    `pool`: each stage ends in 2x2 average pooling; without it, its convolution strides by 2.
    """

    num_classes: int
    maps: tuple[int, int] = (6, 16)
    dense: tuple[int, int] = (120, 84)
    pool: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        require_size(images, least=16 if self.pool else 13, model="LeNet")
        init = {"kernel_init": uniform_fan_in, "dtype": self.dtype}
        x = images
        for i, features in enumerate(self.maps, start=1):
            strides = 1 if self.pool else 2
            x = Conv(features, (5, 5), strides, padding="VALID", name=f"conv{i}", **init)(x)
            x = scaled_tanh(x)
            if self.pool:
                x = avg_pool(x, (2, 2), (2, 2), "VALID")
            x = tap(self, f"stage{i}", x)
        x = x.reshape(x.shape[0], -1)  # [N, 5 * 5 * maps] for 32x32 images
        for i, width in enumerate(self.dense, start=1):
            x = scaled_tanh(Dense(width, name=f"dense{i}", **init)(x))
        return head(self, x, self.num_classes, **init)


LAYERS = LayerOrder("conv1", r"(?:dense(\d)|conv(\d))")

_spec = partial(ModelSpec, image_size=32, channels=1, num_classes=10, layers=LAYERS)

VARIANTS = {
    "lenet_1989": _spec(
        partial(LeNet, maps=(6, 12), pool=False),
        num_params=49_102,
        gmacs=0.00012132,
        paper="http://yann.lecun.com/exdb/publis/pdf/lecun-89e.pdf",
    ),
    "lenet5": _spec(
        partial(LeNet),
        num_params=61_706,
        gmacs=0.00041652,
        paper="http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf",
    ),
}
