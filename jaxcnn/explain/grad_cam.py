"""Grad-CAM: the maps of a layer, weighted by what the class gains from each.

Selvaraju et al., 2017, https://arxiv.org/abs/1610.02391.
"""

import jax
from flax import linen as nn

from jaxcnn.explain.stages import evidence, weighted
from jaxcnn.models.spec import Variables


def grad_cam(
    model: nn.Module,
    variables: Variables,
    images: jax.Array,
    classes: jax.Array,
    stage: str | None = None,
) -> jax.Array:
    """Where a stage's maps speak for a class: [N, H, W] of the images' size, 0 and above.

    Equation 1: a map's weight is the mean, over its pixels, of the gradient of the class's logit.
    Equation 2: the weighted sum of the maps, what is negative left out. It is then enlarged to the
    images, bilinearly. The unit is that of logits; no image is scaled by its own maximum.

    Checked on 200 photographs (docs/explain.md): squares inserted in its order bring the class back
    sooner than at random on 97 % of them, but deleted in its order they take it away sooner on 50 %
    only, as by chance.

    Args:
        model: a network that taps its stages (`jaxcnn.layers.tap`).
        variables: its own.
        images: [N, H, W, C], normalised.
        classes: int [N], what to explain of each image.
        stage: name of a tapped map; `chosen_stage` says which one if not given.

    Raises UserError for a stage that is no map, or where the model has none.
    """
    maps, gradient = evidence(model, variables, images, classes, stage)
    return weighted(maps, gradient.mean((1, 2)), images)
