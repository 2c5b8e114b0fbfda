"""One class an image."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.data.preprocessing import Preprocessing
from jaxcnn.task.losses import LossFn, cross_entropy
from jaxcnn.task.metrics import CLASSES, Metrics
from jaxcnn.task.mixing import Mix, normalize
from jaxcnn.task.task import Batch


@dataclass(frozen=True, eq=False)
class Classification:
    """Cross-entropy over the classes; top-1 and top-5.

    Where an image of evaluation has several right classes, they share the target.
    """

    num_outputs: int
    preprocessing: Preprocessing
    train_loss: LossFn = cross_entropy()
    class_weights: np.ndarray | None = None
    mix: Mix | None = None
    eval_loss: LossFn = cross_entropy()
    metrics: Metrics = CLASSES

    def labels_like(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
        return {"label": jax.ShapeDtypeStruct((batch_size,), jnp.int32)}

    def labels(self, batch: Batch) -> jax.Array:
        return batch["label"]

    def prepare_eval(self, key: jax.Array, batch: Batch) -> tuple[jax.Array, jax.Array]:
        images = normalize(batch["image"], self.preprocessing.mean, self.preprocessing.std)
        labels = batch["label"]
        if labels.ndim == 1:
            return images, jax.nn.one_hot(labels, self.num_outputs)
        right = labels.astype(jnp.float32)
        # A row that only fills a batch has none.
        return images, right / jnp.maximum(right.sum(-1, keepdims=True), 1)

    def prepare_train(self, key: jax.Array, batch: Batch) -> tuple[jax.Array, jax.Array]:
        images, targets = self.prepare_eval(key, batch)
        return (images, targets) if self.mix is None else self.mix(key, images, targets)

    def probabilities(self, outputs: jax.Array) -> jax.Array:
        return jax.nn.softmax(outputs)
