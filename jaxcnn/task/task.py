"""What is learned: what a batch brings, what is minimised, what is measured, how it is shown."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import jax
import numpy as np

from jaxcnn.task.losses import LossFn
from jaxcnn.task.metrics import Metrics

Batch = Mapping[str, jax.Array]
# (key, batch) -> images [N, H, W, C] as the model takes them, targets, a tree of [N, ...].
Prepare = Callable[[jax.Array, Batch], tuple[jax.Array, Any]]


class Task(Protocol):
    """All that training, evaluation and prediction know of what a model is for.

    Labels and targets may be trees of arrays [N, ...]: boxes beside their classes, or nothing where
    images alone teach.

    Attributes:
        num_outputs: of the model's last layer.
        train_loss: `loss(outputs, targets) -> [N]`, minimised.
        eval_loss: the same of evaluation, without what makes training harder.
        class_weights: float [K] by which `train_loss` weighs targets, where the batch's losses are
            to be divided by their mean weight; None where they are not.
        metrics: what is measured.
    """

    @property
    def num_outputs(self) -> int: ...

    @property
    def train_loss(self) -> LossFn: ...

    @property
    def eval_loss(self) -> LossFn: ...

    @property
    def class_weights(self) -> np.ndarray | None: ...

    @property
    def metrics(self) -> Metrics: ...

    def labels_like(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
        """What the feed brings beside the images, by name."""
        ...

    def labels(self, batch: Batch) -> Any:
        """That part of a batch, as `metrics` takes it."""
        ...

    def prepare_train(self, key: jax.Array, batch: Batch) -> tuple[jax.Array, Any]:
        """Images as the model takes them, and targets; mixed, where a recipe says so."""
        ...

    def prepare_eval(self, key: jax.Array, batch: Batch) -> tuple[jax.Array, Any]:
        """The same as they are."""
        ...

    def probabilities(self, outputs: jax.Array) -> jax.Array:
        """[N, K] -> [N, K]: the outputs as they are shown to people."""
        ...
