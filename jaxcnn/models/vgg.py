"""VGG: nothing but 3x3 convolutions, in five stages between poolings, and three dense layers.

Simonyan and Zisserman, 2015, https://arxiv.org/abs/1409.1556. Configurations A, B, D and E of the
paper's table 1 are vgg11, 13, 16 and 19. `_bn` adds batch normalisation after every convolution
(Ioffe & Szegedy, 2015), which came after the paper. As in timm, the first two dense layers are
convolutions over the last map, 7x7 and 1x1, as section 3.2 has them for testing.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.layers.conv import Conv
from jaxcnn.layers.dropout import Dropout
from jaxcnn.layers.head import head
from jaxcnn.layers.initializers import he_normal_fan_out
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.layers.tap import tap
from jaxcnn.models.spec import LayerOrder, ModelSpec, require_size
from jaxcnn.ops.adaptive_pool import adaptive_avg_pool
from jaxcnn.ops.pool import global_avg_pool, max_pool

WIDTHS = (64, 128, 256, 512, 512)

# The paper's, of the head alone. For convolutions it needs a shallower network to start the deeper
# ones from; its section 3.1 itself says that it could do without, as timm does.
normal = nn.initializers.normal(0.01)


class VGG(nn.Module):
    """Five stages that each halve the image, two layers of `dense` units, dense head.

    The first dense layer reads 7x7 positions, what 224x224 images leave. A larger map gives it
    several places, whose outputs are averaged; a smaller one is stretched to 7 first. The stages
    are tapped before they are pooled.

    `stages`: the number of convolutions in each. `drop_rate`: of the outputs of both dense layers.
    """

    num_classes: int
    stages: tuple[int, int, int, int, int]
    batch_norm: bool = False
    dense: tuple[int, int] = (4096, 4096)
    drop_rate: float = 0.5
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        require_size(images, least=32, model="VGG")
        conv = partial(Conv, kernel_init=he_normal_fan_out, dtype=self.dtype)
        norm = partial(BatchNorm, use_running_average=not train, dtype=self.dtype)
        dropout = Dropout(self.drop_rate, deterministic=not train)

        x = images
        for i, (width, repeats) in enumerate(zip(WIDTHS, self.stages, strict=True), start=1):
            for j in range(1, repeats + 1):
                x = conv(width, (3, 3), padding=1, name=f"conv{i}_{j}")(x)
                if self.batch_norm:
                    x = norm(name=f"bn{i}_{j}")(x)
                x = nn.relu(x)
            x = max_pool(tap(self, f"stage{i}", x), 2)  # [N, H/32, W/32, 512] after the last
        height, width = x.shape[1:3]
        x = adaptive_avg_pool(x, (max(height, 7), max(width, 7)))
        x = conv(self.dense[0], (7, 7), padding="VALID", name="pre_logits_fc1")(x)
        x = dropout(nn.relu(x))
        x = nn.relu(conv(self.dense[1], (1, 1), name="pre_logits_fc2")(x))
        x = dropout(global_avg_pool(x))
        return head(self, x, self.num_classes, kernel_init=normal, dtype=self.dtype)


def torch_names(
    stages: tuple[int, int, int, int, int], batch_norm: bool
) -> tuple[tuple[str, str], ...]:
    """timm has the five stages in one nn.Sequential, which counts ReLUs and poolings too."""
    rows = [("^pre_logits_", "pre_logits."), ("^head", "head.fc")]
    index = 0
    for i, repeats in enumerate(stages, start=1):
        for j in range(1, repeats + 1):
            rows += [(f"^conv{i}_{j}$", f"features.{index}")]
            rows += [(f"^bn{i}_{j}$", f"features.{index + 1}")]
            index += 3 if batch_norm else 2
        index += 1
    return tuple(rows)


def _spec(
    stages: tuple[int, int, int, int, int], num_params: int, gmacs: float, batch_norm: bool = False
) -> ModelSpec:
    return ModelSpec(
        partial(VGG, stages=stages, batch_norm=batch_norm),
        num_params,
        gmacs,
        paper="https://arxiv.org/abs/1409.1556",
        torch_names=torch_names(stages, batch_norm),
        layers=LayerOrder("(conv|bn)1_1", r"(?:conv|bn)(\d)_(\d)"),
    )


A, B, D, E = (1, 1, 2, 2, 2), (2, 2, 2, 2, 2), (2, 2, 3, 3, 3), (2, 2, 4, 4, 4)

VARIANTS = {
    "vgg11": _spec(A, 132_863_336, gmacs=7.609),
    "vgg13": _spec(B, 133_047_848, gmacs=11.309),
    "vgg16": _spec(D, 138_357_544, gmacs=15.470),
    "vgg19": _spec(E, 143_667_240, gmacs=19.632),
    "vgg11_bn": _spec(A, 132_868_840, gmacs=7.609, batch_norm=True),
    "vgg13_bn": _spec(B, 133_053_736, gmacs=11.309, batch_norm=True),
    "vgg16_bn": _spec(D, 138_365_992, gmacs=15.470, batch_norm=True),
    "vgg19_bn": _spec(E, 143_678_248, gmacs=19.632, batch_norm=True),
}
