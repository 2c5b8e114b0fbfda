"""What a recipe needs of each device, from shapes alone: nothing is compiled or allocated."""

import math
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from jaxcnn.data import DataNotFound, DatasetSpec, dataset_at, dataset_spec, load_split
from jaxcnn.data.splits import VAL_FRACTION
from jaxcnn.engine.mesh import bytes_on_a_device
from jaxcnn.engine.model_input import image_channels
from jaxcnn.engine.program import Program, model_of
from jaxcnn.errors import UserError
from jaxcnn.recipe import Recipe, data_place


@dataclass(frozen=True)
class Examples:
    """A recipe's data set as far as it is known, and the examples that are trained on."""

    spec: DatasetSpec
    num_train: int


def examples(recipe: Recipe, *, num_classes: int | None, num_train: int | None) -> Examples:
    """The data set read where it is there, else its table row; the arguments come before both.

    Raises UserError, naming the flag, for what neither tells.
    """
    there = True
    try:
        spec = dataset_at(recipe.dataset, data_place(recipe))
    except DataNotFound:
        spec, there = dataset_spec(recipe.dataset), False
    num_classes = num_classes or spec.num_classes
    if num_train is None:
        try:
            counted = len(load_split(spec, "train", data_place(recipe))) if there else None
        except DataNotFound:
            counted = None
        num_train = counted or _after_hold_out(spec)
    for flag, value in (("num-classes", num_classes), ("num-train", num_train)):
        if not value:
            raise UserError(f"{recipe.dataset} is not there to be read; give its --{flag}=N")
    assert num_train is not None
    return Examples(replace(spec, num_classes=num_classes), num_train)


def _after_hold_out(spec: DatasetSpec) -> int | None:
    """Training examples by the table: less the validation split, where that is made of them."""
    if spec.num_train is None or "val" in spec.splits:
        return spec.num_train
    return spec.num_train - math.ceil(VAL_FRACTION * spec.num_train)


@dataclass(frozen=True)
class Memory:
    """Bytes on each device during a training step.

    `activations` is what autodiff keeps of the forward pass for the backward one. A compiler may
    keep less, by fusing or computing again, or need more for a moment.
    """

    parameters: int
    batch_statistics: int
    optimizer_state: int
    averages: int
    gradients: int
    activations: int

    @property
    def total(self) -> int:
        return sum(vars(self).values())


def memory_per_device(recipe: Recipe, spec: DatasetSpec, program: Program) -> Memory:
    """From the state's shapes and shardings, and the residuals of the model's gradient."""
    state = program.state_like
    images = recipe.batch_size // recipe.optim.accumulate_steps // program.rows.mesh.size
    parameters = bytes_on_a_device(state.params)
    return Memory(
        parameters=parameters,
        batch_statistics=bytes_on_a_device(state.batch_stats),
        optimizer_state=bytes_on_a_device(state.opt_state),
        averages=bytes_on_a_device((state.ema_params, state.ema_batch_stats)),
        # Gradients lie as the parameters do, and once more where batches come in parts.
        gradients=parameters * (2 if recipe.optim.accumulate_steps > 1 else 1),
        activations=images * activation_bytes_per_image(recipe, spec, program),
    )


def activation_bytes_per_image(recipe: Recipe, spec: DatasetSpec, program: Program) -> int:
    """Bytes that the backward pass needs of the forward pass, for each image more."""
    model = model_of(recipe, spec.num_classes)
    state = program.state_like

    def residuals(images: jax.Array) -> Any:
        def logits(params: Any) -> Any:
            return model.apply(
                {"params": params, "batch_stats": state_stats},
                images,
                train=True,
                mutable=["batch_stats", "aux_logits"],
                rngs={"dropout": jax.random.key(0)},
            )

        state_stats = jax.tree.map(
            lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), state.batch_stats
        )
        params = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), state.params)
        return jax.vjp(logits, params)[1]

    def size(num_images: int) -> int:
        shape = (num_images, *image_shape(recipe, spec))
        kept = jax.eval_shape(residuals, jax.ShapeDtypeStruct(shape, jnp.float32))
        return bytes_on_a_device(kept)

    # The rest, weights above all, does not depend on the images.
    return size(3) - size(2)


def image_shape(recipe: Recipe, spec: DatasetSpec) -> tuple[int, int, int]:
    """Height, width and channels as the model gets them."""
    return recipe.image_size, recipe.image_size, image_channels(recipe, spec)
