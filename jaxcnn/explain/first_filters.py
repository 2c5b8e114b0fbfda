"""The first layer's filters, as pictures: of the colours and edges that they answer to.

As in figure 3 of Krizhevsky et al., 2012,
https://papers.nips.cc/paper_files/paper/2012/hash/c399862d3b9d6b76c8436e924a68c45b-Abstract.html
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.errors import UserError
from jaxcnn.explain.grid import around_grey, grid
from jaxcnn.models.spec import Variables


def first_filters(
    model: nn.Module, variables: Variables, images: jax.Array, columns: int | None = None
) -> jax.Array:
    """The filters of the first convolution that runs, in a `grid` [H', W', C] in [0, 1].

    Each is scaled by its own largest weight, zero is grey; C is 3 or 1, the images' channels.

    Args:
        model: any network whose first convolution reads the images, patch embeddings too.
        variables: its own.
        images: [N, H, W, C], of which only the shape is used.
        columns: filters in a row of the grid; as many as rows if not given.

    Raises UserError for a model without a convolution of the images.
    """
    of_images = [
        leaf
        for leaf in jax.tree.leaves(variables.get("params", {}))
        if leaf.ndim == 4 and leaf.shape[2] == images.shape[-1]
    ]
    # Where several see as many channels, as depthwise kernels see one, it takes a look at which
    # comes first.
    kernels = of_images if len(of_images) == 1 else _in_order(model, variables, images)
    if not kernels or kernels[0].shape[2] != images.shape[-1]:
        raise UserError(f"{type(model).__name__} has no first convolution whose filters see images")
    filters = jnp.moveaxis(jnp.asarray(kernels[0], jnp.float32), -1, 0)  # [K, h, w, C]
    return grid(around_grey(filters), columns)


def _in_order(model: nn.Module, variables: Variables, images: jax.Array) -> list[Any]:
    """The kernels of convolutions, in the order in which they run; nothing is computed."""
    kernels: list[Any] = []

    def look(call: Any, args: Any, kwargs: Any, context: Any) -> Any:
        own = context.module.variables if context.method_name == "__call__" else {}
        for collection in own.values():
            kernel = collection.get("kernel")
            if getattr(kernel, "ndim", 0) == 4:
                kernels.append(kernel)
        return call(*args, **kwargs)

    def run(images: jax.Array) -> Any:
        with nn.intercept_methods(look):
            return model.apply(variables, images, train=False)

    jax.eval_shape(run, jax.ShapeDtypeStruct(images.shape, jnp.float32))
    return kernels
