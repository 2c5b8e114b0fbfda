"""What a model makes of images on its way to the logits: its stages, for other heads to read.

A detector reads maps of several strides, a retrieval the pooled features, a probe any of them.
"""

import math
from collections import OrderedDict
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import struct
from flax.traverse_util import flatten_dict

from jaxcnn.errors import UserError
from jaxcnn.models.spec import Variables


@struct.dataclass
class Stage:
    """What a model has at one of its taps; a pytree, whose only leaf is `values`.

    Attributes:
        values: a map [N, H, W, C], as ViT's and Swin's patches are too, or features [N, C]; of the
            dtype that the model computes in.
        name: as the model calls it.
        stride: of a map: pixels of the image from one position to the next, down and to the right.
            None of features, and of a map that does not grow with the image.
    """

    values: jax.Array
    name: str = struct.field(pytree_node=False)
    stride: tuple[int, int] | None = struct.field(pytree_node=False)

    @property
    def channels(self) -> int:
        return self.values.shape[-1]


def features(model: nn.Module, variables: Variables, images: jax.Array) -> dict[str, Stage]:
    """The stages of a model by name, in the order in which it comes to them.

        stages = jaxcnn.features(model, variables, images)
        stages["stage4"].values  # [N, H / 32, W / 32, 2048] of a ResNet-50
        stages["pooled"].values  # [N, 2048]

    Each model of the zoo ends in "pooled", features [N, C] that its head's product reads: with
    `num_classes=0` they are its output. What is between them and the image is the model's own;
    `models/NAME.py` says where its taps are. The order is kept under `jax.jit` too:

        jax.jit(partial(jaxcnn.features, model))(variables, images)

    Args:
        model: a network that taps its stages (`jaxcnn.layers.tap`).
        variables: its own, for images of this size.
        images: [N, H, W, C], normalised.

    Raises UserError for images of another rank, or of a size that the model does not take.
    """
    if images.ndim != 4:
        raise UserError(f"images are [N, H, W, C]; got an array of shape {tuple(images.shape)}")
    tapped: Any = model.apply(variables, images, train=False, mutable=["stages"])[1]
    height, width, channels = images.shape[1:]
    more = _more(height), _more(width)
    larger = _shapes(model, (height + more[0], width + more[1]), channels)
    # A dict would come out of jit with its names sorted.
    return OrderedDict(
        (name, Stage(values, name, _stride(more, values.shape, larger[name])))
        for name, values in of_taps(tapped).items()
    )


def of_taps(collections: Any) -> dict[str, jax.Array]:
    """Values by name, out of what `apply(..., mutable=["stages"])` gave beside the logits."""
    stages: dict[str, Any] = flatten_dict(collections.get("stages", {}), sep="/")
    return {name: values[-1] for name, values in stages.items()}


# What an image is enlarged by to see how much larger that makes a map: edges, and how they are
# rounded, are in both sizes. The quotient of image and map is no whole number where a convolution
# does not pad.
_POWERS_OF_TWO, _OTHERS = 2**6, 3**2 * 5 * 7 * 11 * 13


def _more(pixels: int) -> int:
    """A multiple of each stride up to 64, if it is a power of two, or else divides the image."""
    return _POWERS_OF_TWO * math.gcd(pixels, _OTHERS)


def _stride(
    more: tuple[int, int], shape: tuple[int, ...], larger: tuple[int, ...]
) -> tuple[int, int] | None:
    if len(shape) != 4:
        return None
    rows, columns = (after - before for after, before in zip(larger[1:3], shape[1:3], strict=True))
    return (more[0] // rows, more[1] // columns) if rows and columns else None


@cache
def _shapes(model: nn.Module, size: tuple[int, int], channels: int) -> dict[str, tuple[int, ...]]:
    """Of the stages, for images of any size: with parameters that are made for it."""

    def tapped(images: jax.Array) -> dict[str, jax.Array]:
        collections: Any = model.apply(
            {},
            images,
            train=False,
            rngs={"params": jax.random.key(0)},
            mutable=["params", "batch_stats", "stages"],
        )[1]
        return of_taps(collections)

    shapes = jax.eval_shape(tapped, jax.ShapeDtypeStruct((1, *size, channels), jnp.float32))
    return {name: tapped.shape for name, tapped in shapes.items()}
