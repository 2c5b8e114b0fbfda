"""What is asked of the network itself: why it predicts what it does, and its first filters."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcnn.data import Source
from jaxcnn.data.augment.transform import Transform
from jaxcnn.data.loader.pipeline import eval_batches
from jaxcnn.data.preprocessing import Preprocessing
from jaxcnn.data.spec import Subset
from jaxcnn.errors import UserError
from jaxcnn.explain.first_filters import first_filters
from jaxcnn.explain.grad_cam import grad_cam
from jaxcnn.explain.stages import chosen_stage
from jaxcnn.models.spec import Variables
from jaxcnn.report.shown import HeatOf
from jaxcnn.task.mixing import normalize

# Images explained at a time.
HEAT_BATCH = 12


def heat_of_model(
    model: nn.Module,
    variables: Variables,
    source: Source,
    transforms: Sequence[Transform],
    preprocessing: Preprocessing,
) -> tuple[HeatOf, str] | None:
    """Grad-CAM of a network for images of `source`, and its name with the stage that it reads.

    `transforms` bring an image to the network. None where its stages are no maps, or several
    processes have its weights.
    """
    if jax.process_count() > 1:
        return None
    first = next(iter(_batches(source, transforms, np.arange(1))))
    try:
        stage = chosen_stage(model, variables, jax.ShapeDtypeStruct(first.shape, jnp.float32))
    except UserError:
        return None

    @jax.jit
    def compiled(variables: Variables, images: jax.Array, classes: jax.Array) -> jax.Array:
        images = normalize(images, preprocessing.mean, preprocessing.std)
        return grad_cam(model, variables, images, classes, stage)

    def heat_of(indices: np.ndarray, classes: np.ndarray) -> np.ndarray:
        parts = []
        for number, images in enumerate(_batches(source, transforms, indices)):
            asked = classes[number * HEAT_BATCH : (number + 1) * HEAT_BATCH]
            asked = np.pad(asked, (0, HEAT_BATCH - len(asked)))
            parts.append(np.asarray(compiled(variables, images, asked)))
        return np.concatenate(parts)[: len(indices)]

    return heat_of, f"Grad-CAM of {stage}"


def _batches(
    source: Source, transforms: Sequence[Transform], indices: np.ndarray
) -> Sequence[np.ndarray]:
    """uint8 [HEAT_BATCH, H, W, C], as the network gets them."""
    chosen = Subset(source, np.asarray(indices))
    return [
        batch["image"]
        for batch in eval_batches(chosen, transforms, batch_size=HEAT_BATCH, num_threads=2)
    ]


def filters_of_model(
    model: nn.Module, variables: Variables, image_size: int, channels: int
) -> np.ndarray | None:
    """The first layer's filters beside each other, uint8 [H, W, C]; None where it has none."""
    images = jnp.zeros((1, image_size, image_size, channels))
    try:
        sheet = first_filters(model, variables, images)
    except UserError:
        return None
    return (255 * np.asarray(sheet)).round().astype(np.uint8)
