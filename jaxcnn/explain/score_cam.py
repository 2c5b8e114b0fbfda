"""Score-CAM: each map is weighted by the score that the image keeps when seen through it.

Wang et al., 2020, https://arxiv.org/abs/1910.01279.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.explain.scores import of_class
from jaxcnn.explain.stages import chosen_stage, weighted
from jaxcnn.models.spec import Variables
from jaxcnn.models.tools.features import of_taps

AT_ONCE = 32  # Masked images that go through the network together: what memory is needed.


def score_cam(
    model: nn.Module,
    variables: Variables,
    images: jax.Array,
    classes: jax.Array,
    stage: str | None = None,
) -> jax.Array:
    """Where a stage's maps speak for a class: [N, H, W] of the images' size, 0 and above.

    Algorithm 1: each map is enlarged to the image and brought to [0, 1], the image multiplied
    by it, and the class's logit taken. Their softmax over the maps is the maps' weights;
    the baseline's logit, the same for all, cancels in it. A map without contrast has weight 0, as
    in the authors' code. No gradient is taken; the network runs once for each image and channel of
    the stage: 1,280 times for EfficientNet-Lite0's last, 54 s a photograph on two cores.

    Arguments and errors are those of `grad_cam`. Normalised images are multiplied, so that what is
    masked gets the data's mean colour.
    """
    name = chosen_stage(model, variables, images, stage)
    _, tapped = model.apply(variables, images, train=False, mutable=["stages"])
    maps = of_taps(tapped)[name].astype(jnp.float32)  # [N, h, w, K]
    channels = maps.shape[-1]
    rounds = -(-channels // AT_ONCE)

    def weights_of(one: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        image, stage_maps, wanted = one  # [H, W, C], [h, w, K], []

        def scores(some: jax.Array) -> jax.Array:
            large = jax.image.resize(some, (len(some), *image.shape[:2]), "bilinear")
            low, high = (of(large, (1, 2), keepdims=True) for of in (jnp.min, jnp.max))
            mask = (large - low) / jnp.where(high > low, high - low, 1.0)
            logits: Any = model.apply(variables, image * mask[..., None], train=False)
            kept = of_class(logits, jnp.full(len(some), wanted))
            return jnp.where((high > low)[:, 0, 0], kept, -jnp.inf)

        each = jnp.moveaxis(stage_maps, -1, 0)  # [K, h, w]
        each = jnp.pad(each, ((0, rounds * AT_ONCE - channels), (0, 0), (0, 0)))
        kept = jax.lax.map(scores, each.reshape(rounds, AT_ONCE, *each.shape[1:]))
        kept = kept.reshape(-1)[:channels]
        best = kept.max()
        exponentials = jnp.exp(kept - jnp.where(jnp.isfinite(best), best, 0.0))
        return exponentials / jnp.maximum(exponentials.sum(), jnp.finfo(jnp.float32).tiny)

    return weighted(maps, jax.lax.map(weights_of, (images, maps, classes)), images)
