"""A step that learns from a teacher: its loss by hand, its images, on several devices."""

from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from scipy.special import log_softmax, softmax

from jaxcnn.data import dataset_spec
from jaxcnn.engine.mesh import to_devices
from jaxcnn.engine.program import build
from jaxcnn.engine.teacher import Teacher
from jaxcnn.models import create_model
from jaxcnn.recipe import Mesh, Optim, Recipe
from jaxcnn.task.losses import hard_distillation, soft_distillation
from jaxcnn.task.mixing import normalize

RECIPE = Recipe(
    "linear",
    batch_size=16,
    image_size=8,
    distill="a teacher",
    optim=Optim(lr=0.1, weight_decay=0.0, momentum=0.0, nesterov=False),
    mesh=Mesh(data=1),
)
DIGITS = dataset_spec("digits")
BATCH = {
    "image": np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1), dtype=np.uint8),
    "label": (np.arange(16) % 10).astype(np.int32),
}


def teacher_of():
    rng = np.random.default_rng(2)
    kernel, bias = rng.normal(size=(64, 10)) / 8, rng.normal(size=10)
    weights = {"kernel": np.float32(kernel), "bias": np.float32(bias)}
    return Teacher(
        create_model("linear", num_classes=10), {"params": {"head": weights}}, 8, 1, (0.5,), (0.25,)
    )


def one_step(recipe=RECIPE, teacher=None):
    program = build(recipe, DIGITS, steps_per_epoch=3, total_steps=3, teacher=teacher)
    before = program.init_state()
    rows = to_devices(BATCH, program.rows)
    # Copied, for the step takes the state.
    params = jax.device_get(before.params)
    after, metrics = program.train_step(before, rows, program.step_key)
    return params, jax.device_get(after), jax.device_get(metrics)


@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_the_loss_is_what_it_is_by_hand(kind):
    rng = np.random.default_rng(1)
    ours, theirs = rng.normal(size=(2, 5, 10)).astype(np.float32)
    if kind == "soft":
        found = soft_distillation(3.0)(ours, theirs)
        p = softmax(theirs / 3, -1)
        log_ratio = log_softmax(theirs / 3, -1) - log_softmax(ours / 3, -1)
        expected = 9 * (p * log_ratio).sum(-1)
        assert np.allclose(soft_distillation(3.0)(theirs, theirs), 0, atol=1e-5)
    else:
        found = hard_distillation(ours, theirs)
        expected = -log_softmax(ours, -1)[np.arange(5), theirs.argmax(-1)]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def alone():
    """A step on one device, the whole batch at once."""
    return one_step(RECIPE, teacher_of())


def test_a_step_weighs_the_labels_and_the_teacher(alone):
    teacher, share = teacher_of(), 0.9
    params, after, metrics = alone
    student = create_model("linear", num_classes=10)
    second = soft_distillation(4.0)

    @jax.jit
    @jax.value_and_grad
    def loss(params):
        images = normalize(BATCH["image"], DIGITS.mean, DIGITS.std)
        theirs = teacher.model.apply(teacher.variables, normalize(BATCH["image"], (0.5,), (0.25,)))
        logits = student.apply({"params": params}, images, train=True)
        log_p = jax.nn.log_softmax(logits)
        labels = -jnp.take_along_axis(log_p, BATCH["label"][:, None], -1)[:, 0]
        return ((1 - share) * labels + share * second(logits, theirs)).mean()

    value, gradient = jax.device_get(loss(params))
    np.testing.assert_allclose(metrics["loss"] / 16, value, rtol=1e-5)
    expected = jax.tree.map(lambda p, g: p - 0.1 * g, params, gradient)
    chex.assert_trees_all_close(after.params, expected, rtol=1e-4, atol=1e-5)
    hard = teacher.teaching(replace(RECIPE, distill_loss="hard"), (0.5,), (0.5,))
    assert hard.weight == 0.5 and hard.loss is hard_distillation


def test_mixed_images_come_to_the_teacher_normalised_as_it_wants_in_its_size_and_colours():
    seen = []

    class Looks(nn.Module):
        @nn.compact
        def __call__(self, images, *, train=False):
            seen.append(images)
            return images.mean((1, 2)) if not train else 1 / 0

    mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    teacher = Teacher(Looks(), {}, 16, 3, mean, std, (2, 0))
    grey = np.full((2, 8, 8, 1), 100, np.uint8)
    outputs = teacher.outputs_of(DIGITS.mean, DIGITS.std)
    logits = outputs({}, normalize(grey, DIGITS.mean, DIGITS.std))
    expected = normalize(np.full((2, 16, 16, 3), 100, np.uint8), mean, std)
    np.testing.assert_allclose(seen[0], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(logits, expected[:, 0, 0][:, [2, 0]], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("mesh", "parallel", "parts"),
    [
        (Mesh(data=2), "jit", 2),
        pytest.param(Mesh(data=2), "pmap", 1, marks=pytest.mark.slow),
    ],
)
def test_devices_and_parts_come_to_the_same(alone, mesh, parallel, parts):
    _, after, of_one = alone
    split = replace(
        RECIPE, mesh=mesh, parallel=parallel, optim=replace(RECIPE.optim, accumulate_steps=parts)
    )
    _, together, of_several = one_step(split, teacher_of())
    chex.assert_trees_all_close(together.params, after.params, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(of_several["loss"], of_one["loss"], rtol=1e-4)


@pytest.mark.slow
def test_runs_abreast_share_the_teacher(alone):
    program = build(RECIPE, DIGITS, steps_per_epoch=3, total_steps=3, teacher=teacher_of())
    _, after, _ = alone
    rows = to_devices(BATCH, program.rows)
    states = program.init_state(), program.init_state()
    both, _ = program.train_abreast(2)(
        states,
        {"own": (rows, rows)},
        (program.step_key,) * 2,  # pyright: ignore
    )
    chex.assert_trees_all_close(both[1].params, after.params, rtol=1e-4, atol=1e-5)
