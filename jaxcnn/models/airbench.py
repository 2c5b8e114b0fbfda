"""airbench: a small VGG whose first layer whitens, for CIFAR-10 in seconds. Keller Jordan, 2024.

https://arxiv.org/abs/2404.00498, section 3 and appendix A, as the author's later program has it
that trains by Muon: https://github.com/KellerJordan/cifar10-airbench at f1c599c4,
airbench94_muon.py.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcnn.layers.conv import Conv
from jaxcnn.layers.head import head
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.layers.tap import tap
from jaxcnn.models.spec import LayerOrder, ModelSpec, require_size
from jaxcnn.ops.channel import add_channels
from jaxcnn.ops.conv import conv_general_dilated
from jaxcnn.ops.gelu import gelu
from jaxcnn.ops.pool import max_pool

# Values of 2x2 pixels of three channels, with either sign.
WHITENED = 24
# Added to a patch's variance in each direction (section 3.1; the program's value).
WHITENING_EPSILON = 5e-4

# torch's default of convolutions: U(-1/sqrt(fan-in), 1/sqrt(fan-in)).
uniform_fan_in = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


def partial_identity(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
    """As many outputs as there are inputs pass these on, the others are drawn (section 3.2)."""
    rows, columns, inputs, outputs = shape
    kept = min(inputs, outputs)
    identity = jnp.zeros((rows, columns, inputs, kept), dtype)
    identity = identity.at[rows // 2, columns // 2, :kept].set(jnp.eye(kept, dtype=dtype))
    return uniform_fan_in(key, shape, dtype).at[..., :kept].set(identity)


class Whitening(nn.Module):
    """Images [N, H, W, 3] -> [N, H-1, W-1, 24]: each patch of 2x2 in its principal directions.

    Twice, once with each sign. The kernel is a statistic of the training images, in the collection
    `batch_stats` as [2, 2, 3, 24]: it is never trained. Param `bias` is.
    """

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        shape = (2, 2, images.shape[-1], WHITENED)
        kernel = self.variable(
            "batch_stats", "kernel", lambda: uniform_fan_in(self.make_rng("params"), shape)
        )
        bias = self.param("bias", nn.initializers.zeros, shape[-1:], jnp.float32)
        y = conv_general_dilated(
            images.astype(self.dtype),
            kernel.value.astype(self.dtype),
            (1, 1),
            "VALID",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        return add_channels(y, bias.astype(self.dtype))


class Airbench(nn.Module):
    """Whitened patches, three groups that each halve the image, the largest value, dense head.

    `widths`: of the groups. Normalisation has no scale: what follows a convolution is the same
    whatever the length of its kernel. The logits are means over the head's products, not sums.
    """

    num_classes: int
    widths: tuple[int, int, int] = (64, 256, 256)
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        require_size(images, least=9, model="airbench")
        conv = partial(
            Conv, use_bias=False, padding=1, kernel_init=partial_identity, dtype=self.dtype
        )
        norm = partial(
            BatchNorm,
            use_running_average=not train,
            use_scale=False,
            momentum=0.6,
            epsilon=1e-12,
            dtype=self.dtype,
        )
        x = gelu(Whitening(self.dtype, name="whiten")(images))  # [N, H-1, W-1, 24]
        for i, width in enumerate(self.widths, start=1):
            x = max_pool(conv(width, (3, 3), name=f"group{i}_conv1")(x), 2)
            x = gelu(norm(name=f"group{i}_norm1")(x))
            x = conv(width, (3, 3), name=f"group{i}_conv2")(x)
            x = tap(self, f"stage{i}", gelu(norm(name=f"group{i}_norm2")(x)))
        x = x.max((1, 2))  # [N, 3, 3, 256] of 32x32 images -> [N, 256]
        unit = nn.initializers.normal(1.0)
        y = head(self, x, self.num_classes, use_bias=False, kernel_init=unit, dtype=self.dtype)
        return y / x.shape[-1] if self.num_classes > 0 else y


def whitened(batch_stats: dict[str, Any], images: np.ndarray) -> dict[str, Any]:
    """The statistics with a first layer that whitens patches of these images.

    images: float [N, H, W, 3], normalised. Without centring, as the program has it.
    """
    products, count = 0.0, 0
    for image in images.astype(np.float64):
        shifted = [image[i : i - 1 or None, j : j - 1 or None] for i in (0, 1) for j in (0, 1)]
        patches = np.stack(shifted, axis=2).reshape(-1, 4 * image.shape[-1])  # Row, column, channel
        products, count = products + patches.T @ patches, count + len(patches)
    variances, directions = np.linalg.eigh(products / count)
    # One of the two signs first, whatever LAPACK gives.
    directions *= np.where(directions.sum(0) < 0, -1, 1)
    scaled = directions / np.sqrt(variances + WHITENING_EPSILON)
    both = np.concatenate([scaled, -scaled], axis=1).astype(np.float32)
    kernel = both.reshape(batch_stats["whiten"]["kernel"].shape)
    return {**batch_stats, "whiten": {"kernel": kernel}}


VARIANTS = {
    "airbench94": ModelSpec(
        Airbench,
        num_params=1_971_352,
        gmacs=0.11815,
        image_size=32,
        num_classes=10,
        paper="https://arxiv.org/abs/2404.00498",
        torch_names=((r"^group(\d)_", r"layers.\1."),),
        layers=LayerOrder("whiten", r"group(\d)_(?:conv|norm)(\d)"),
        stats_of_images=whitened,
    ),
}
