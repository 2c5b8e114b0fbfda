"""Which variables of a network its number of classes decides."""

from collections.abc import Callable
from typing import Any

import jax
from flax import linen as nn
from flax.traverse_util import flatten_dict

from jaxcnn.models.spec import init_variables


def head_variables(
    make: Callable[[int], nn.Module], image_size: tuple[int, int], channels: int
) -> set[tuple[str, ...]]:
    """Their paths, `("params", "head", "kernel")`; `make` takes the number of classes.

    Told by shapes alone, whatever the module calls its head.
    """

    def shapes(num_classes: int) -> dict[Any, Any]:
        model = make(num_classes)
        init = jax.eval_shape(
            lambda: init_variables(model, jax.random.key(0), image_size, channels)
        )
        return flatten_dict(init)

    fewer, more = shapes(2), shapes(3)
    return {path for path, like in fewer.items() if like.shape != more[path].shape}
