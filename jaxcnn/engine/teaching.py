"""What a training step makes of a teacher's outputs."""

from collections.abc import Callable
from dataclasses import dataclass

import jax

from jaxcnn.models.spec import Variables
from jaxcnn.task.losses import LossFn


@dataclass(frozen=True)
class Teaching:
    """A second loss of the step, beside that of the labels.

    Attributes:
        outputs: (the teacher's variables, images [N, H, W, C]) -> its logits [N, K].
        loss: `loss(logits, teacher's logits) -> [N]`.
        weight: its share of what is minimised; that of the labels is the rest.
    """

    outputs: Callable[[Variables, jax.Array], jax.Array]
    loss: LossFn
    weight: float
