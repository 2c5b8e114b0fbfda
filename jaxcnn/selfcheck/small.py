"""Images per second of a small network whose training set lies on the devices."""

import statistics
import time
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np

from jaxcnn.data import dataset_spec
from jaxcnn.data.augment.chains import train_transforms
from jaxcnn.data.loader.drawn import DrawnBatches
from jaxcnn.data.order import TrainOrder
from jaxcnn.engine.abreast import batch_of
from jaxcnn.engine.mesh import place, to_devices
from jaxcnn.engine.model_input import image_channels
from jaxcnn.engine.program import build
from jaxcnn.engine.resident import (
    Resident,
    drawn_arrivals,
    numbers_sharding,
    resident_or_why_not,
    steps_at_once,
)
from jaxcnn.recipe import Recipe, recipe_for
from jaxcnn.selfcheck.outcome import Outcome

# Images per second of resnet20 with batches of 512: airbench's larger network trains at about half
# of that on an A100 (https://github.com/KellerJordan/cifar10-airbench).
GOAL_ON_GPU = 300_000
EXAMPLES = 50_000
# Seeds side by side, as `python -m jaxcnn.sweep --together` has them on a GPU.
ABREAST = 4


def check_small(
    dispatches: int = 20, examples: int = EXAMPLES, recipe: Recipe | None = None
) -> Outcome:
    """Of random pixels: resnet20 on CIFAR-10's size on a GPU, lenet5 on MNIST's on a CPU."""
    on_gpu = jax.default_backend() == "gpu"
    if recipe is None:
        resnet20 = replace(recipe_for("resnet20", "cifar10"), batch_size=512, precision="bfloat16")
        recipe = resnet20 if on_gpu else recipe_for("lenet5", "mnist")
    seconds = seconds_a_step(recipe, dispatches, examples)
    rate = recipe.batch_size / statistics.median(seconds)
    figures = {
        "arch": recipe.arch,
        "batch_size": recipe.batch_size,
        "images_per_second": rate,
    }
    if on_gpu:
        seconds = seconds_a_step(recipe, dispatches, examples, ABREAST)
        together = ABREAST * recipe.batch_size / statistics.median(seconds)
        figures[f"images_per_second_of_{ABREAST}_runs_together"] = together
    slow = on_gpu and rate < GOAL_ON_GPU
    note = f"{recipe.arch}: {rate:,.0f} images/s; {GOAL_ON_GPU:,} is the goal"
    return Outcome(figures, notes=(note,) if slow else ())


def seconds_a_step(
    recipe: Recipe, dispatches: int, examples: int, num_runs: int = 1
) -> list[float]:
    """Of each dispatch after the first, what a step of it took, in seconds; of so many runs at
    once."""
    data = dataset_spec(recipe.dataset)
    channels = image_channels(recipe, data)
    transforms = train_transforms(
        data, recipe.augment, image_size=recipe.image_size, channels=channels, resize=recipe.resize
    )
    resident = resident_or_why_not(recipe, transforms, examples, channels)
    assert isinstance(resident, Resident), resident
    at_once = steps_at_once(recipe, jax.default_backend())
    total = at_once * dispatches
    program = build(
        recipe,
        data,
        steps_per_epoch=examples // recipe.batch_size,
        total_steps=total,
        resident=resident,
    )
    rng = np.random.default_rng(0)
    like = program.train_like["stored"]
    stored = {
        "image": rng.integers(0, 256, like["image"].shape, np.uint8),
        "label": rng.integers(0, data.num_classes, examples, np.int32),
    }
    arriving = drawn_arrivals(
        DrawnBatches(
            TrainOrder(examples, recipe.batch_size, recipe.seed),
            resident.drawn,
            (recipe.image_size, recipe.image_size),
            slice(None),
        ),
        {name: place(part, like[name].sharding) for name, part in stored.items()},
        partial(to_devices, sharding=numbers_sharding(program.rows)),
        lambda step: step + at_once,
        start_step=0,
        stop_step=total,
    )
    train: Any = program.train
    state, key, seconds = program.init_state(), program.step_key, []
    if num_runs > 1:
        train, key = program.train_abreast(num_runs), (key,) * num_runs
        state = tuple(program.init_state() for _ in range(num_runs))
    for arrival in arriving:
        batch = arrival.batch if num_runs == 1 else batch_of((arrival.batch,) * num_runs)
        start = time.perf_counter()
        state, results = train(state, batch, key)
        jax.block_until_ready(results)
        seconds.append((time.perf_counter() - start) / at_once)
    return seconds[1:]
