"""What each channel of a stage answers to in an image."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.explain.grid import around_grey, grid
from jaxcnn.explain.stages import chosen_stage
from jaxcnn.models.spec import Variables
from jaxcnn.models.tools.features import of_taps


def feature_maps(
    model: nn.Module,
    variables: Variables,
    images: jax.Array,
    stage: str | None = None,
    columns: int | None = None,
) -> jax.Array:
    """The channels of a stage in a `grid` for each image: [N, H', W', 1] in [0, 1].

    Each channel is scaled by its own largest absolute value in the image, zero is grey.
    `jaxcnn.features` has the values themselves.

    Args:
        model: a network that taps its stages (`jaxcnn.layers.tap`).
        variables: its own.
        images: [N, H, W, C], normalised.
        stage: name of a tapped map; `chosen_stage` says which one if not given.
        columns: channels in a row of the grid; as many as rows if not given.

    Raises UserError for a stage that is no map, or where the model has none.
    """
    name = chosen_stage(model, variables, images, stage)
    _, tapped = model.apply(variables, images, train=False, mutable=["stages"])
    channels = jnp.moveaxis(of_taps(tapped)[name], -1, 1).astype(jnp.float32)  # [N, K, h, w]
    return jax.vmap(lambda maps: grid(around_grey(maps[..., None]), columns))(channels)
