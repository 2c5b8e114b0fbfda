"""Which weights of a model are matrices between hidden layers, told by its shapes."""

import math
from collections.abc import Callable
from typing import Any

import jax
from flax import linen as nn
from flax.traverse_util import flatten_dict

from jaxcnn.models.spec import init_variables

Path = tuple[str, ...]  # ("layer1_0", "conv1", "kernel")


def hidden_matrices(
    make: Callable[[int], nn.Module], num_classes: int, image_size: tuple[int, int], channels: int
) -> dict[Path, int]:
    """Kernels of the layers between the first and the last, and how many matrices each one is.

    A kernel [..., I, O] is one matrix, of all inputs by the outputs; that of a convolution in
    groups is one for each, of which it has the outputs one after the other. Left out are the first
    layer, whose shape the image's channels decide, and the last ones, whose shape the classes
    decide; and what is vectors, as a depthwise convolution's is.

    Args:
        make: of a number of classes, the model.
        num_classes: those that it tells apart.
        image_size: height and width in pixels.
        channels: of the images.
    """
    groups: dict[Path, int] = {}

    def record(call: Callable[..., Any], args: Any, kwargs: Any, context: Any) -> Any:
        count = getattr(context.module, "feature_group_count", 1)
        groups[*context.module.path, "kernel"] = count
        return call(*args, **kwargs)

    def shapes(more: int) -> dict[Path, Any]:
        model, key = make(num_classes + more), jax.random.key(0)
        variables = jax.eval_shape(lambda: init_variables(model, key, image_size, channels + more))
        return flatten_dict(variables["params"])  # pyright: ignore[reportReturnType]

    with nn.intercept_methods(record):
        kernels = {path: leaf for path, leaf in shapes(0).items() if path[-1] == "kernel"}
    others = shapes(1)
    return {
        path: groups[path]
        for path, leaf in kernels.items()
        if leaf.shape == others[path].shape
        and min(math.prod(leaf.shape[:-1]), leaf.shape[-1] // groups[path]) > 1
    }
