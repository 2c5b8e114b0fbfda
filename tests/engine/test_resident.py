"""A set on the devices is trained on as one that the host prepares is."""

from dataclasses import replace
from functools import partial

import cv2
import jax
import numpy as np
import pytest

from jaxcnn.engine.feed import Feed
from jaxcnn.engine.mesh import place, to_devices
from jaxcnn.engine.resident import (
    CAPACITY,
    drawn_arrivals,
    numbers_sharding,
    resident_or_why_not,
    steps_at_once,
)
from jaxcnn.errors import UserError
from jaxcnn.recipe import Augment, Mesh, Optim, Recipe
from tests.engine.programs import program_of

RECIPE = Recipe(
    "linear",
    image_size=28,
    batch_size=300,
    steps=9,
    data_on_device="yes",
    optim=Optim("adamw", lr=0.01),
    mesh=Mesh(data=1),
)


@pytest.fixture
def photographs(tmp_path):
    """Of many sizes: they are brought to one before they lie on the devices."""
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(20):
            image = rng.integers(0, 256, (20 + i, 30 - i, 3), np.uint8)
            cv2.imwrite(str(tmp_path / name / f"{i:02}.png"), image)
    return Recipe(
        "linear",
        "image_folder",
        data_dir=str(tmp_path),
        image_size=24,
        batch_size=8,
        steps=7,
        data_on_device="yes",
        augment=Augment(crop_padding=3, flip=True, cutout=6),
        mesh=Mesh(data=1),
    )


def made(recipe):
    """The feed, the program, and a function that dispatches steps as `stops` says."""
    feed = Feed(recipe)
    program = program_of(feed)
    like = program.train_like["stored"]
    stored = {name: place(part, like[name].sharding) for name, part in feed.decoded().items()}

    def dispatches(stops, start_step=0):
        send = partial(to_devices, sharding=numbers_sharding(program.rows))
        return drawn_arrivals(
            feed.draw(), stored, send, stops, start_step=start_step, stop_step=feed.total_steps
        )

    return feed, program, dispatches


def batches_on_devices(recipe):
    feed, _, dispatches = made(recipe)
    assert feed.resident is not None
    batch_of = jax.jit(feed.resident.batch)
    for arrival in dispatches(lambda step: min(step + 4, feed.total_steps)):
        for number in range(arrival.steps):
            numbers = {name: each[number] for name, each in arrival.batch["numbers"].items()}
            yield batch_of(arrival.batch["stored"], numbers)


AUGMENTS = {
    "nothing": Augment(),
    "crop": Augment(crop_padding=2),
    "crop and cutout": Augment(crop_padding=4, cutout=9),
    "cutout": Augment(cutout=8),
    "repeats": Augment(crop_padding=2, repeats=3),
}


def assert_same_batches(recipe):
    host = Feed(recipe).train_batches(0, Feed(recipe).total_steps)
    for ours, expected in zip(batches_on_devices(recipe), host, strict=True):
        assert set(ours) == set(expected)
        for name, part in expected.items():
            np.testing.assert_array_equal(ours[name], part)


@pytest.mark.parametrize("augment", AUGMENTS.values(), ids=AUGMENTS)
def test_batches_are_those_of_the_host(augment):
    """Over an epoch's border: an epoch of digits has four such steps."""
    assert_same_batches(replace(RECIPE, augment=augment))


def test_grey_digits_for_a_model_of_colour_are_those_of_the_host():
    assert_same_batches(replace(RECIPE, arch="resnet20", image_size=16, steps=3))


def test_balanced_batches_are_those_of_the_host():
    assert_same_batches(replace(RECIPE, sampling="balanced", augment=Augment(crop_padding=2)))


def test_batches_of_photographs_are_those_of_the_host(photographs):
    assert_same_batches(photographs)


def test_flips_that_alternate_are_those_of_the_host(photographs):
    """Seven steps are more than two epochs."""
    augment = Augment(crop_padding=3, padding="reflect", flip=True, flip_alternates=True)
    assert Feed(photographs).steps_per_epoch <= 3
    assert_same_batches(replace(photographs, augment=augment))


def trained(recipe, stops):
    _, program, dispatches = made(recipe)
    state, results = program.init_state(), []
    for arrival in dispatches(stops):
        state, of_steps = program.train(state, arrival.batch, program.step_key)
        of_steps = jax.device_get(of_steps)
        results += [of_steps["loss"][number] for number in range(arrival.steps)]
    return jax.device_get(state), results


def test_bits_do_not_depend_on_which_steps_are_dispatched_together():
    recipe = replace(RECIPE, arch="lenet5", image_size=32, augment=Augment(crop_padding=2))
    one_by_one = trained(recipe, lambda step: step + 1)
    for stops in (lambda step: 9, lambda step: 4 if step < 4 else 9):
        state, losses = trained(recipe, stops)
        jax.tree.map(np.testing.assert_array_equal, state, one_by_one[0])
        assert losses == one_by_one[1]


@pytest.mark.parametrize("devices", [1, 4])
def test_training_is_that_of_steps_one_by_one(devices):
    recipe = replace(RECIPE, augment=Augment(crop_padding=2), mesh=Mesh(data=devices))
    feed, program, dispatches = made(recipe)
    assert next(dispatches(lambda step: 9)).batch["numbers"]["top"].sharding == numbers_sharding(
        program.rows
    )
    state, losses = trained(recipe, lambda step: 9)
    other, expected = program.init_state(), []
    for batch in feed.train_batches(0, 9):
        batch = to_devices(batch, program.rows)
        other, results = program.train_step(other, batch, program.step_key)
        expected.append(results["loss"])
    np.testing.assert_allclose(losses, np.array(expected), rtol=1e-5)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6), state, other)


def test_what_is_not_dispatched_leaves_no_trace():
    """A dispatch has CAPACITY steps of numbers, of which `count` are done."""
    _, program, dispatches = made(RECIPE)
    arrival = next(dispatches(lambda step: 3))
    assert arrival.steps == 3 and arrival.batch["numbers"]["example"].shape == (CAPACITY, 300)
    state, results = program.train(program.init_state(), arrival.batch, program.step_key)
    assert int(state.step) == 3
    assert np.asarray(results["n"]).tolist() == [300.0] * 3 + [0.0] * (CAPACITY - 3)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"augment": Augment(policy="randaugment")}, "RandAugment is done by the host"),
        ({"augment": Augment(progressive_size=14)}, "images that grow are made by the host"),
        ({"parallel": "pmap"}, "it takes --parallel=jit"),
    ],
    ids=["policy", "growing", "pmap"],
)
def test_what_devices_do_not_do_is_the_hosts_or_refused(change, reason):
    recipe = replace(RECIPE, **change)
    with pytest.raises(
        UserError, match=f"--data-on-device=yes: {reason}; leave --data-on-device out"
    ):
        _ = Feed(recipe).resident
    assert Feed(replace(recipe, data_on_device="auto")).resident is None


def test_a_set_that_is_too_large_stays_with_the_host():
    reason = resident_or_why_not(replace(RECIPE, image_size=224), (), 1_281_167, 3)
    assert reason == "193 GB of pixels are more than 1.07"


def test_short_steps_are_dispatched_together_and_long_ones_alone():
    assert steps_at_once(RECIPE, "cpu") == CAPACITY
    lenet5 = Recipe("lenet5", "mnist", image_size=32, batch_size=128)
    assert 4 < steps_at_once(lenet5, "cpu") < CAPACITY
    resnet20 = Recipe("resnet20", "cifar10", image_size=32, batch_size=128)
    assert steps_at_once(resnet20, "cpu") == 1 and steps_at_once(resnet20, "gpu") > 20
    assert Feed(replace(RECIPE, data_on_device="auto")).resident is not None
    long = replace(RECIPE, arch="resnet20", image_size=32, data_on_device="auto")
    assert Feed(long).resident is None
