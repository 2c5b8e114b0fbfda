"""A training set that lies on the devices: batches are made there, many steps are one program.

The host draws a few numbers an image and hands over those of many steps at once. So a small network
waits neither for the host to prepare a batch nor for Python to hand one over.
"""

import math
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from jaxcnn.data.augment.crop import RandomCrop
from jaxcnn.data.augment.cutout import Cutout
from jaxcnn.data.augment.flip import HorizontalFlip
from jaxcnn.data.augment.transform import Drawn, Fixed, Transform, pair
from jaxcnn.data.loader.drawn import DrawnBatches
from jaxcnn.data.loader.pipeline import HostSeconds
from jaxcnn.data.loader.workers import ACCELERATOR_FLOPS, CPU_CORE_FLOPS, TRAINING_PASSES
from jaxcnn.data.order import ExampleRng
from jaxcnn.engine.given import NOTHING, Given
from jaxcnn.engine.mesh import BATCH_AXES
from jaxcnn.engine.prefetch import Arrival
from jaxcnn.engine.state import TrainState
from jaxcnn.engine.step import Sums, TrainStep
from jaxcnn.models.tools.size_and_work import gmacs_of_row
from jaxcnn.ops.augment import cover, crop, mirror
from jaxcnn.recipe import Recipe
from jaxcnn.task.task import Batch

# Bytes of pixels that may lie on a device beside the run itself.
MOST_BYTES = {"cpu": 2**30}
MOST_BYTES_OF_ACCELERATORS = 2**32
# A dispatch is to take about so long: what handing it over costs is then nothing, and a signal to
# stop is noticed at once.
DISPATCH_SECONDS = 0.05
# Steps a dispatch has at most.
CAPACITY = 64
# Cores of a CPU that steps are estimated for. Not those there are: whether a set lies on the
# devices, and so the bits of a run, is not to change with them.
CORES = 2


@dataclass(frozen=True)
class Resident:
    """A training set as it lies on every device.

    Attributes:
        num_examples: it has.
        fixed: transforms that its images went through before.
        drawn: those that a step's images go through.
    """

    num_examples: int
    fixed: tuple[Transform, ...]
    drawn: tuple[Drawn, ...]

    def batch(self, stored: Mapping[str, jax.Array], numbers: Mapping[str, jax.Array]) -> Batch:
        """The batch that `numbers` tell, [N] each, as `pipeline.train_batches` has it."""
        batch = {name: part[numbers["example"]] for name, part in stored.items()}
        for transform in self.drawn:
            batch["image"] = _applied(transform, batch["image"], numbers)
        return batch


def _applied(transform: Drawn, images: jax.Array, numbers: Mapping[str, jax.Array]) -> jax.Array:
    match transform:
        case RandomCrop(size, pad, padding):
            top, left, reflect = numbers["top"], numbers["left"], padding == "reflect"
            return crop(images, top, left, pair(size), pad, reflect=reflect)
        case HorizontalFlip():
            return mirror(images, numbers["mirrored"])
        case Cutout(side, colour):
            return cover(images, numbers["row"], numbers["column"], side, colour)
    raise TypeError(f"{type(transform).__name__} is not done on devices")


def resident_or_why_not(
    recipe: Recipe, transforms: tuple[Transform, ...], num_examples: int, channels: int
) -> Resident | str:
    """The training set as it may lie on the devices, or in some words what is against it.

    Args:
        recipe: the run's.
        transforms: those of training, for images of the recipe's size.
        num_examples: of the training set.
        channels: of the images.
    """
    fixed = tuple(transform for transform in transforms if isinstance(transform, Fixed))
    drawn = tuple(transform for transform in transforms if isinstance(transform, Drawn))
    others = [each for each in transforms if not isinstance(each, Fixed | Drawn)]
    if others:
        name = getattr(others[0], "name", type(others[0]).__name__)
        return f"{name} is done by the host"
    if recipe.augment.progressive_size not in (None, recipe.image_size):
        return "images that grow are made by the host"
    if recipe.parallel == "pmap":
        return "it takes --parallel=jit"
    num_bytes = num_examples * recipe.image_size**2 * channels
    most = MOST_BYTES.get(jax.default_backend(), MOST_BYTES_OF_ACCELERATORS)
    if num_bytes > most:
        return f"{num_bytes / 1e9:.3g} GB of pixels are more than {most / 1e9:.3g}"
    return Resident(num_examples, fixed, drawn)


def steps_at_once(recipe: Recipe, platform: str, given: Given = NOTHING) -> int:
    """How many steps a dispatch is to have, by an estimate of the model's arithmetic.

    A function of the recipe and the kind of device, so that several processes come to the same.
    """
    model = given.model_of(recipe)
    flops = (
        2e9 * gmacs_of_row(model) * (recipe.image_size / model.image_size) ** 2 * TRAINING_PASSES
    )
    rate = CPU_CORE_FLOPS * CORES if platform == "cpu" else ACCELERATOR_FLOPS
    seconds = recipe.batch_size * flops / rate
    # The smallest networks' arithmetic is told as none.
    return max(1, math.floor(DISPATCH_SECONDS / max(seconds, DISPATCH_SECONDS / CAPACITY)))


def many_steps(train_step: TrainStep, resident: Resident, rows: NamedSharding) -> TrainStep:
    """`steps(state, batch, key) -> (state, results)`: so many steps of `train_step`, in turn.

    `batch` has the set, `stored`, the `numbers` of CAPACITY steps, int32 [CAPACITY, N] each, and a
    `count`: how many of them are done. The results are `train_step`'s, [CAPACITY] each, the first
    `count` of which mean something. How many there are is an argument, so all counts are one
    program, and a step's bits do not depend on which others it is dispatched with.
    """

    def steps(state: TrainState, batch: Any, key: jax.Array) -> tuple[TrainState, Sums]:
        stored, numbers = batch["stored"], batch["numbers"]

        def at(number: jax.Array | int) -> Batch:
            here = resident.batch(stored, {name: each[number] for name, each in numbers.items()})
            # Where there is but one device, nothing is to be said; and it could not be exported.
            return here if rows.mesh.size == 1 else jax.lax.with_sharding_constraint(here, rows)

        def one(number: jax.Array, carry: tuple[TrainState, Sums]) -> tuple[TrainState, Sums]:
            state, results = carry[0], dict(carry[1])
            state, sums = train_step(state, at(number), key)
            for name, each in sums.items():
                results[name] = jax.lax.dynamic_update_index_in_dim(results[name], each, number, 0)
            return state, results

        _, like = jax.eval_shape(lambda: train_step(state, at(0), key))
        results = {
            name: jnp.zeros((CAPACITY, *each.shape), each.dtype) for name, each in like.items()
        }
        return jax.lax.fori_loop(0, batch["count"], one, (state, results))

    return steps


def steps_like(
    batch_like: Mapping[str, jax.ShapeDtypeStruct], resident: Resident, rows: NamedSharding
) -> dict[str, Any]:
    """Shapes, dtypes and shardings of the batch of `many_steps`, from those of a step's."""
    whole = NamedSharding(rows.mesh, PartitionSpec())
    stored = {
        name: like.update(shape=(resident.num_examples, *like.shape[1:]), sharding=whole)
        for name, like in batch_like.items()
    }
    batch_size, height, width, _ = batch_like["image"].shape
    stream = ExampleRng(0, 0)(0)
    drawn = (transform.draw((height, width), stream) for transform in resident.drawn)
    names = ["example", *(name for numbers in drawn for name in numbers)]
    number = jax.ShapeDtypeStruct(
        (CAPACITY, batch_size), jnp.int32, sharding=numbers_sharding(rows)
    )
    return {
        "stored": stored,
        "numbers": dict.fromkeys(names, number),
        "count": jax.ShapeDtypeStruct((), jnp.int32),
    }


def numbers_sharding(rows: NamedSharding) -> NamedSharding:
    """How `numbers` lie on the devices: each has those of its rows."""
    return NamedSharding(rows.mesh, PartitionSpec(None, BATCH_AXES))


def drawn_arrivals(
    draw: DrawnBatches,
    stored: Mapping[str, jax.Array],
    send: Callable[[Mapping[str, np.ndarray]], dict[str, jax.Array]],
    stops: Callable[[int], int],
    *,
    start_step: int,
    stop_step: int,
) -> Generator[Arrival]:
    """What `many_steps` takes, from `start_step` to `stop_step`, drawn when it is asked for.

    `stops` says of a step where a dispatch that starts with it is to end, CAPACITY steps further at
    the most.
    """
    step = start_step
    while step < stop_step:
        end = stops(step)
        start = time.monotonic()
        numbers = draw(step, end)
        drawn = time.monotonic()
        missing = CAPACITY - (end - step)
        filled = {name: np.pad(each, ((0, missing), (0, 0))) for name, each in numbers.items()}
        sent = jax.block_until_ready(send(filled))
        at = time.monotonic()
        batch = {"stored": stored, "numbers": sent, "count": np.int32(end - step)}
        host = HostSeconds(decode=0.0, augment=0.0, batch=drawn - start)
        yield Arrival(batch, at, at - drawn, host, steps=end - step)
        step = end
