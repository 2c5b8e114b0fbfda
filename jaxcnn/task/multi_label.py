"""Several classes an image, each on its own."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.data.preprocessing import Preprocessing
from jaxcnn.task.losses import LossFn, sigmoid_cross_entropy
from jaxcnn.task.metrics import MULTI_LABEL, Metrics
from jaxcnn.task.mixing import Mix, normalize
from jaxcnn.task.task import Batch


@dataclass(frozen=True, eq=False)
class MultiLabel:
    """A yes or no for each class, by sigmoid cross-entropy; mAP, CF1 and OF1."""

    num_outputs: int
    preprocessing: Preprocessing
    train_loss: LossFn = sigmoid_cross_entropy()
    mix: Mix | None = None
    class_weights: np.ndarray | None = None
    eval_loss: LossFn = sigmoid_cross_entropy()
    metrics: Metrics = MULTI_LABEL

    def labels_like(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
        return {"label": jax.ShapeDtypeStruct((batch_size, self.num_outputs), jnp.uint8)}

    def labels(self, batch: Batch) -> jax.Array:
        return batch["label"]

    def prepare_eval(self, key: jax.Array, batch: Batch) -> tuple[jax.Array, jax.Array]:
        images = normalize(batch["image"], self.preprocessing.mean, self.preprocessing.std)
        return images, batch["label"].astype(jnp.float32)

    def prepare_train(self, key: jax.Array, batch: Batch) -> tuple[jax.Array, jax.Array]:
        images, targets = self.prepare_eval(key, batch)
        return (images, targets) if self.mix is None else self.mix(key, images, targets)

    def probabilities(self, outputs: jax.Array) -> jax.Array:
        return jax.nn.sigmoid(outputs)
