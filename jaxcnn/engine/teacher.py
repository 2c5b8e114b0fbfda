"""A trained network whose outputs another one learns from: knowledge distillation.

Hinton et al., 2015, https://arxiv.org/abs/1503.02531.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcnn.data.preprocessing import Channels
from jaxcnn.engine.compile import CompiledStep
from jaxcnn.engine.state import TrainState
from jaxcnn.engine.step import Sums
from jaxcnn.engine.teaching import Teaching
from jaxcnn.models.spec import Variables
from jaxcnn.recipe import Recipe
from jaxcnn.task.losses import hard_distillation, soft_distillation
from jaxcnn.task.task import Batch

# What Tian et al., 2020, have of it: https://github.com/HobbitLong/RepDistiller at b0722bc8.
TEMPERATURE, SOFT_WEIGHT = 4.0, 0.9
HARD_WEIGHT = 0.5  # https://arxiv.org/abs/2012.12877, equation 3.


@dataclass(frozen=True)
class Teacher:
    """A network with its weights, and what it wants images to look like.

    Attributes:
        model: the network.
        variables: its weights, on the host.
        image_size: height and width in pixels of its input.
        channels: of its input.
        mean: per channel, or one for all, of images in [0, 1]; `std` likewise.
        columns: which of its outputs are the student's classes, in their order; None for all.
    """

    model: nn.Module
    variables: Variables
    image_size: int
    channels: int
    mean: Channels
    std: Channels
    columns: tuple[int, ...] | None = None

    def outputs_of(
        self, mean: Channels, std: Channels
    ) -> Callable[[Variables, jax.Array], jax.Array]:
        """`outputs(variables, images) -> logits [N, K]`, in evaluation.

        The images, float32 [N, H, W, C], are normalised by `mean` and `std`, and mixed or not:
        normalisation is linear, so that a mixture comes to the teacher's of the same two.
        """
        ours, theirs = (np.asarray(each, np.float32) for each in (std, self.std))
        scale = ours / theirs
        offset = (np.asarray(mean, np.float32) - np.asarray(self.mean, np.float32)) / theirs
        is_same = bool(np.all(scale == 1) and np.all(offset == 0))

        def outputs(variables: Variables, images: jax.Array) -> jax.Array:
            n, height, width, channels = images.shape
            if channels < self.channels:  # Grey, for a network that takes colours.
                images = jnp.broadcast_to(images, (n, height, width, self.channels))
            if not is_same:
                images = images * scale + offset
            size = (self.image_size, self.image_size)
            if (height, width) != size:
                images = jax.image.resize(images, (n, *size, self.channels), "bilinear")
            logits: Any = self.model.apply(variables, images, train=False)
            return logits if self.columns is None else logits[:, np.asarray(self.columns)]

        return outputs

    def teaching(self, recipe: Recipe, mean: Channels, std: Channels) -> Teaching:
        """What the recipe's step makes of it, for images normalised by `mean` and `std`."""
        hard = recipe.distill_loss == "hard"
        weight = recipe.distill_weight
        if weight is None:
            weight = HARD_WEIGHT if hard else SOFT_WEIGHT
        temperature = recipe.distill_temperature or TEMPERATURE
        loss = hard_distillation if hard else soft_distillation(temperature)
        return Teaching(self.outputs_of(mean, std), loss, weight)


class Taught:
    """A compiled step that takes the teacher's weights beside the key, called as one that does not.

    So they are an argument of the program, not constants in it, and no part of the state.
    """

    def __init__(self, step: CompiledStep, variables: Variables) -> None:
        self._step: Any = step
        self._variables = variables

    def __call__(self, state: TrainState, batch: Batch, key: Any) -> tuple[TrainState, Sums]:
        return self._step(state, batch, (key, self._variables))

    def lower(self, state: Any, batch: Any, key: Any) -> Any:
        return self._step.lower(state, batch, (key, self._variables))
