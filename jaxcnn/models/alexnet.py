"""AlexNet: five convolutions and three dense layers, with ReLU and dropout, on two GPUs.

`alexnet_2012`: Krizhevsky et al., 2012,
https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks:
each GPU's half of the second, fourth and fifth convolution sees its own half of the channels, here
as two groups. The paper says 224x224 pixels; its 55x55 maps need 227x227.

`alexnet`: the single tower of Krizhevsky, 2014, https://arxiv.org/abs/1404.5997, in torchvision's
form: fewer channels, no response normalisation, 224x224 pixels, and dropout a layer earlier.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.layers.conv import Conv
from jaxcnn.layers.dense import Dense
from jaxcnn.layers.dropout import Dropout
from jaxcnn.layers.head import head
from jaxcnn.layers.lrn import LocalResponseNorm
from jaxcnn.layers.tap import tap
from jaxcnn.models.spec import LayerOrder, ModelSpec, require_size
from jaxcnn.ops.adaptive_pool import adaptive_avg_pool
from jaxcnn.ops.pool import max_pool

# Section 5: every weight is normal with deviation 0.01.
normal = nn.initializers.normal(0.01)


@dataclass(frozen=True)
class Layer:
    """A convolution with ReLU, then where the row says so response normalisation and pooling."""

    width: int
    kernel: int
    padding: int
    stride: int = 1
    groups: int = 1
    normalize: bool = False
    pool: bool = False  # 3x3 windows with stride 2: they overlap (section 3.4).
    initial_bias: float = 0.0


# Figure 2. Biases of 1 feed the ReLUs positive inputs early on (section 5).
TWO_TOWERS = (
    Layer(96, kernel=11, stride=4, padding=0, normalize=True, pool=True),
    Layer(256, kernel=5, padding=2, groups=2, normalize=True, pool=True, initial_bias=1.0),
    Layer(384, kernel=3, padding=1),
    Layer(384, kernel=3, padding=1, groups=2, initial_bias=1.0),
    Layer(256, kernel=3, padding=1, groups=2, pool=True, initial_bias=1.0),
)
ONE_TOWER = (
    Layer(64, kernel=11, stride=4, padding=2, pool=True),
    Layer(192, kernel=5, padding=2, pool=True),
    Layer(384, kernel=3, padding=1),
    Layer(256, kernel=3, padding=1),
    Layer(256, kernel=3, padding=1, pool=True),
)


class AlexNet(nn.Module):
    """Five convolutions to a 6x6 map, two dense layers of `dense` units, dense head.

    Maps of images of other sizes are averaged to 6x6, as torchvision does. The stages are tapped
    before they are pooled.

    `dropout_before`: the dense layers whose inputs are dropped out. `kernel_init` and
    `dense_bias`, the initial bias of the two dense layers, are by default the 2012 paper's.
    """

    num_classes: int
    layers: tuple[Layer, ...] = TWO_TOWERS
    dense: tuple[int, int] = (4096, 4096)
    drop_rate: float = 0.5
    dropout_before: tuple[str, str] = ("fc7", "fc8")
    kernel_init: Callable[..., jax.Array] = normal
    dense_bias: float = 1.0
    least_size: int = 67  # pixels; leaves one position for the last pooling
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        require_size(images, self.least_size, model="AlexNet")
        init = {"kernel_init": self.kernel_init, "dtype": self.dtype}
        constant = nn.initializers.constant
        dropout = Dropout(self.drop_rate, deterministic=not train)

        x = images
        for i, layer in enumerate(self.layers, start=1):
            x = Conv(
                layer.width,
                (layer.kernel, layer.kernel),
                layer.stride,
                padding=layer.padding,
                feature_group_count=layer.groups,
                bias_init=constant(layer.initial_bias),
                name=f"conv{i}",
                **init,
            )(x)
            x = nn.relu(x)
            if layer.normalize:
                x = LocalResponseNorm()(x)
            x = tap(self, f"stage{i}", x)
            if layer.pool:
                x = max_pool(x, 3, 2)
        x = adaptive_avg_pool(x, (6, 6))
        # Channels first, as torch flattens, so that the dense kernel is torch's.
        x = x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)  # [N, 256 * 6 * 6]
        for name, width in zip(("fc6", "fc7"), self.dense, strict=True):
            if name in self.dropout_before:
                x = dropout(x)
            x = Dense(width, bias_init=constant(self.dense_bias), name=name, **init)(x)
            x = nn.relu(x)
        if "fc8" in self.dropout_before:
            x = dropout(x)
        return head(self, x, self.num_classes, name="fc8", **init)


# Where torchvision's two nn.Sequential have the layers.
NAMES = (
    ("^conv1", "features.0"),
    ("^conv2", "features.3"),
    ("^conv3", "features.6"),
    ("^conv4", "features.8"),
    ("^conv5", "features.10"),
    ("^fc6", "classifier.1"),
    ("^fc7", "classifier.4"),
    ("^fc8", "classifier.6"),
)

LAYERS = LayerOrder("conv1", r"(?:fc([67])|conv(\d))")

VARIANTS = {
    "alexnet_2012": ModelSpec(
        AlexNet,
        num_params=60_965_224,
        gmacs=0.7244,
        image_size=227,
        thumbnail_size=67,
        paper="https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks",
        torch_names=NAMES,
        layers=LAYERS,
    ),
    "alexnet": ModelSpec(
        partial(
            AlexNet,
            layers=ONE_TOWER,
            dropout_before=("fc6", "fc7"),
            # PyTorch's default, which torchvision leaves, would shrink the signal at every layer.
            kernel_init=nn.initializers.he_normal(),
            dense_bias=0.0,
            least_size=63,
        ),
        num_params=61_100_840,
        gmacs=0.7142,
        thumbnail_size=63,
        paper="https://arxiv.org/abs/1404.5997",
        torch_names=NAMES,
        layers=LAYERS,
    ),
}
