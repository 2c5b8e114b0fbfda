"""A network that compiles soon, for tests of what takes any."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.layers.conv import Conv
from jaxcnn.layers.head import head
from jaxcnn.layers.initializers import he_normal_fan_out
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.layers.tap import tap
from jaxcnn.models.resnet import CifarBlock


class ShallowResNet(nn.Module):
    """The stem of resnet20, one of its blocks and its head."""

    num_classes: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        conv = partial(Conv, use_bias=False, kernel_init=he_normal_fan_out, dtype=self.dtype)
        norm = partial(BatchNorm, use_running_average=not train, dtype=self.dtype)
        x = conv(8, (3, 3), padding=1, name="conv1")(images)
        x = tap(self, "stem", nn.relu(norm(name="bn1")(x)))
        x = tap(self, "stage1", CifarBlock(16, 2, conv, norm, name="layer1_0")(x))
        return head(self, x.mean((1, 2)), self.num_classes, dtype=self.dtype)
