"""A transformer's stem: the image cut into patches, each through one dense layer.

Dosovitskiy et al., 2021, https://arxiv.org/abs/2010.11929, section 3.1
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.errors import UserError
from jaxcnn.layers.conv import Conv

# torch's default for convolutions, which timm keeps here: U(-1/sqrt(fan-in), 1/sqrt(fan-in)).
uniform_fan_in = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


class PatchEmbed(nn.Module):
    """images [N, H, W, C] -> [N, H / patch, W / patch, features].

    Raises UserError unless `patch` divides H and W.
    """

    features: int
    patch: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        require_whole_patches(images.shape[1:3], self.patch)
        # The dense layer of all patches is a convolution that strides by its own size.
        return Conv(
            self.features,
            (self.patch, self.patch),
            self.patch,
            padding="VALID",
            kernel_init=uniform_fan_in,
            dtype=self.dtype,
            name="proj",
        )(images)


def require_whole_patches(size: tuple[int, ...], patch: int) -> None:
    """Raises UserError unless `patch` divides the height and width in `size`, in pixels."""
    if any(pixels % patch for pixels in size):
        height, width = size
        raise UserError(
            f"images are cut into {patch}x{patch} patches, so that height and width must be "
            f"multiples of {patch}; got {height}x{width}"
        )
