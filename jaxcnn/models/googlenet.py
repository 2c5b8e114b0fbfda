"""GoogLeNet: nine Inception modules, each of them 1x1, 3x3, 5x5 and pooling side by side.

Szegedy et al., 2015, https://arxiv.org/abs/1409.4842.

`googlenet_2014`: the paper's network. The paper gives no constants for its response normalisation
and no initial weights: here they are AlexNet's and those of Caffe's replication,
https://github.com/BVLC/caffe/tree/master/models/bvlc_googlenet

`googlenet`: torchvision's, whose weights come from TensorFlow: batch normalisation instead of
response normalisation, and 3x3 convolutions where the paper has 5x5. That was a slip, kept because
the weights depend on it: https://github.com/pytorch/vision/issues/906
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
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.layers.tap import tap
from jaxcnn.models.spec import LayerOrder, ModelSpec, require_size
from jaxcnn.ops.adaptive_pool import adaptive_avg_pool
from jaxcnn.ops.pool import avg_pool, global_avg_pool, max_pool

ModuleDef = Callable[..., Any]


@dataclass(frozen=True)
class Widths:
    """A row of table 1: the channels of each convolution of an Inception module."""

    conv1x1: int
    reduce3x3: int
    conv3x3: int
    reduce5x5: int
    conv5x5: int
    pool_project: int


TABLE = {
    "3a": Widths(64, 96, 128, 16, 32, 32),
    "3b": Widths(128, 128, 192, 32, 96, 64),
    "4a": Widths(192, 96, 208, 16, 48, 64),
    "4b": Widths(160, 112, 224, 24, 64, 64),
    "4c": Widths(128, 128, 256, 24, 64, 64),
    "4d": Widths(112, 144, 288, 32, 64, 64),
    "4e": Widths(256, 160, 320, 32, 128, 128),
    "5a": Widths(256, 160, 320, 32, 128, 128),
    "5b": Widths(384, 192, 384, 48, 128, 128),
}
# The modules that the auxiliary classifiers sit on (section 5).
AUX_HEADS = {"4a": "aux1", "4d": "aux2"}


def halve(x: jax.Array, window: int) -> jax.Array:
    """Max pooling with stride 2; the last window may reach over the edge ("ceil mode")."""
    height, width = x.shape[1:3]
    return max_pool(x, window, 2, ((0, (height - window) % 2), (0, (width - window) % 2)))


def average_to_4x4(x: jax.Array) -> jax.Array:
    """5x5 windows with stride 3 (section 5) where that is 4x4, as for 224x224 images.

    The paper has no other sizes: their maps are divided evenly.
    """
    if all(14 <= side <= 16 for side in x.shape[1:3]):
        return avg_pool(x, 5, 3)
    return adaptive_avg_pool(x, (4, 4))


class ConvUnit(nn.Module):
    """KxK convolution, batch normalisation if any, ReLU."""

    features: int
    kernel: int
    conv: ModuleDef
    norm: ModuleDef | None
    stride: int = 1

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        kernel, padding = (self.kernel, self.kernel), self.kernel // 2
        x = self.conv(self.features, kernel, self.stride, padding=padding, name="conv")(x)
        if self.norm is not None:
            x = self.norm(name="bn")(x)
        return nn.relu(x)


class Inception(nn.Module):
    """Figure 2b: four branches over the same map, their channels side by side."""

    widths: Widths
    large_kernel: int
    unit: ModuleDef

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        widths = self.widths
        one = self.unit(widths.conv1x1, 1, name="conv1x1")(x)
        three = self.unit(widths.reduce3x3, 1, name="reduce3x3")(x)
        three = self.unit(widths.conv3x3, 3, name="conv3x3")(three)
        five = self.unit(widths.reduce5x5, 1, name="reduce5x5")(x)
        five = self.unit(widths.conv5x5, self.large_kernel, name="conv5x5")(five)
        pool = self.unit(widths.pool_project, 1, name="pool_project")(max_pool(x, 3, 1, 1))
        return jnp.concatenate([one, three, five, pool], axis=-1)


class AuxHead(nn.Module):
    """An auxiliary classifier (section 5): x [N, H, W, C] -> logits [N, num_classes] float32."""

    num_classes: int
    average: Callable[[jax.Array], jax.Array]
    unit: ModuleDef
    dense: ModuleDef
    drop_rate: float

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        x = self.unit(128, 1, name="conv")(self.average(x))  # [N, 4, 4, 128]
        # Channels first, as torch flattens, so that the dense kernel is torch's.
        x = x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)
        x = nn.relu(self.dense(1024, name="fc1")(x))
        x = Dropout(self.drop_rate, deterministic=not train)(x)
        return self.dense(self.num_classes, name="fc2")(x).astype(jnp.float32)


class GoogLeNet(nn.Module):
    """Three convolutions to an eighth of the image, stages 3 to 5 of Inception modules, head.

    In training the auxiliary classifiers sow their logits [N, num_classes] as "aux1" and "aux2" of
    the collection "aux_logits"; at inference they are not computed, and of no classes there are
    none. The stages are tapped before they are pooled.

    `modules`: letters of the modules in stages 3, 4 and 5.

    Fields that differ between paper and torchvision, by default torchvision's:
        batch_norm: after every convolution, instead of biases and of response normalisation.
        large_kernel: of the convolution that the paper's table 1 calls 5x5.
        last_pool: window of the pooling before stage 5.
        aux_average: brings an auxiliary classifier's map to 4x4.
        least_size: pixels; leaves one position for each pooling.
    """

    num_classes: int
    modules: tuple[str, str, str] = ("ab", "abcde", "ab")
    batch_norm: bool = True
    large_kernel: int = 3
    last_pool: int = 2
    aux_average: Callable[[jax.Array], jax.Array] = partial(adaptive_avg_pool, size=(4, 4))
    drop_rate: float = 0.2
    aux_drop_rate: float = 0.7
    kernel_init: Callable[..., jax.Array] = nn.initializers.normal(0.01)
    least_size: int = 15
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        require_size(images, self.least_size, model="GoogLeNet")
        conv = partial(
            Conv,
            use_bias=not self.batch_norm,
            kernel_init=self.kernel_init,
            bias_init=nn.initializers.constant(0.2),
            dtype=self.dtype,
        )
        norm = partial(BatchNorm, use_running_average=not train, epsilon=1e-3, dtype=self.dtype)
        unit = partial(ConvUnit, conv=conv, norm=norm if self.batch_norm else None)
        dense = partial(Dense, kernel_init=self.kernel_init, dtype=self.dtype)

        def damp(x: jax.Array) -> jax.Array:
            return x if self.batch_norm else LocalResponseNorm()(x)

        x = unit(64, 7, stride=2, name="conv1")(images)
        x = tap(self, "stage1", x)  # [N, H/2, W/2, 64]
        x = unit(64, 1, name="conv2")(damp(halve(x, 3)))
        x = damp(unit(192, 3, name="conv3")(x))
        x = tap(self, "stage2", x)  # [N, H/4, W/4, 192]
        for stage, letters in zip((3, 4, 5), self.modules, strict=True):
            x = halve(x, self.last_pool if stage == 5 else 3)
            for letter in letters:
                module = f"{stage}{letter}"
                x = Inception(TABLE[module], self.large_kernel, unit, name=f"inception{module}")(x)
                if module in AUX_HEADS:
                    self.sow_aux_logits(AUX_HEADS[module], x, unit, dense, train=train)
            x = tap(self, f"stage{stage}", x)  # [N, H/32, W/32, 1024] after the last
        x = Dropout(self.drop_rate, deterministic=not train)(global_avg_pool(x))
        return head(self, x, self.num_classes, kernel_init=self.kernel_init, dtype=self.dtype)

    def sow_aux_logits(
        self, name: str, x: jax.Array, unit: ModuleDef, dense: ModuleDef, *, train: bool
    ) -> None:
        # Initialised for inference too: the variables may be trained.
        if self.num_classes == 0 or not (train or self.is_initializing()):
            return
        logits = AuxHead(
            self.num_classes,
            self.aux_average,
            unit,
            dense,
            self.aux_drop_rate,
            name=f"{name}_head",  # The name itself is what is sown.
        )(x, train=train)
        if not self.is_initializing():  # `model.init` would keep the logits as a variable.
            self.sow("aux_logits", name, logits)


# torchvision numbers the branches, and what is in them.
NAMES = (
    (r"\.conv1x1", ".branch1"),
    (r"\.reduce3x3", ".branch2.0"),
    (r"\.conv3x3", ".branch2.1"),
    (r"\.reduce5x5", ".branch3.0"),
    (r"\.conv5x5", ".branch3.1"),
    (r"\.pool_project", ".branch4.1"),
    ("^(aux[12])_head", r"\1"),
    ("^head", "fc"),
)
LAYERS = LayerOrder("conv1", r"(?:conv|inception)(\d)([a-e]?)")

_spec = partial(
    ModelSpec, paper="https://arxiv.org/abs/1409.4842", torch_names=NAMES, layers=LAYERS
)

# Parameters are counted with the auxiliary classifiers. Without them torchvision's 6,624,904 are
# left, the count it publishes, and of the paper's network 6,998,552.
VARIANTS = {
    "googlenet_2014": _spec(
        partial(
            GoogLeNet,
            batch_norm=False,
            large_kernel=5,
            last_pool=3,
            aux_average=average_to_4x4,
            drop_rate=0.4,
            kernel_init=nn.initializers.lecun_uniform(),
            least_size=31,
        ),
        num_params=13_378_280,
        gmacs=1.583,
    ),
    "googlenet": _spec(GoogLeNet, num_params=13_004_888, gmacs=1.498),
}
