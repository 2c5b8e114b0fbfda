"""The baselines every study starts from: a linear classifier and a two-layer perceptron.

LeCun et al., 1998, "Gradient-based learning applied to document recognition", sections III.C.1
and III.C.5, http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.layers.dense import Dense
from jaxcnn.layers.head import head
from jaxcnn.layers.tap import tap
from jaxcnn.models.spec import LayerOrder, ModelSpec


class Perceptron(nn.Module):
    """Pixels -> dense layers of `hidden` units with ReLU -> logits. No hidden layer: linear."""

    num_classes: int
    hidden: tuple[int, ...] = ()
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        x = images.reshape(images.shape[0], -1)  # [N, HWC]
        for i, width in enumerate(self.hidden, start=1):
            x = nn.relu(Dense(width, dtype=self.dtype, name=f"hidden{i}")(x))
            x = tap(self, f"stage{i}", x)
        return head(self, x, self.num_classes, dtype=self.dtype)


_spec = partial(
    ModelSpec,
    image_size=28,
    channels=1,
    num_classes=10,
    paper="http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf",
)

VARIANTS = {
    "linear": _spec(partial(Perceptron, hidden=()), num_params=7_850, gmacs=0.00000784),
    "mlp": _spec(
        partial(Perceptron, hidden=(300, 100)),
        num_params=266_610,
        gmacs=0.0002662,
        layers=LayerOrder("hidden1", r"hidden(\d)"),
    ),
}
