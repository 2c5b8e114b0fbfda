"""Sharpness-aware minimisation: the step by hand, in parts, over devices."""

from dataclasses import replace
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from jaxcnn.data import dataset_spec
from jaxcnn.engine.mesh import to_devices
from jaxcnn.engine.program import build
from jaxcnn.engine.state import init_state
from jaxcnn.engine.step import make_train_step
from jaxcnn.errors import UserError
from jaxcnn.recipe import Mesh, Optim, Recipe, check
from jaxcnn.task.losses import cross_entropy

RHO, LR = 0.5, 0.1
KEY = jax.random.key(0)


class Normed(nn.Module):
    """As little as has batch statistics."""

    @nn.compact
    def __call__(self, images, *, train=False):
        x = nn.Dense(6, name="hidden")(images.reshape(len(images), -1))
        return nn.Dense(4, name="head")(nn.BatchNorm(not train, name="norm")(x))


def test_a_step_is_what_it_is_by_hand_with_the_statistics_of_the_first_pass():
    rng = np.random.default_rng(0)
    images = jnp.asarray(rng.normal(size=(8, 2, 2, 3)), jnp.float32)
    targets = jax.nn.one_hot(np.arange(8) % 4, 4)
    batch = {"image": images, "label": jnp.arange(8) % 4}
    model = Normed()
    start = partial(init_state, model, optax.sgd(LR), image_size=(2, 2), channels=3)
    state = jax.jit(start)(KEY)
    step = make_train_step(
        model,
        optax.sgd(LR),
        cross_entropy(),
        prepare=lambda key, batch: (batch["image"], targets),
        sam_rho=RHO,
    )
    after, sums = jax.jit(step)(state, batch, KEY)

    @jax.jit
    def gradient(params):
        def loss(params):
            variables = {"params": params, "batch_stats": state.batch_stats}
            logits, new = model.apply(variables, images, train=True, mutable=["batch_stats"])
            return optax.softmax_cross_entropy(logits, targets).mean(), new["batch_stats"]

        return jax.value_and_grad(loss, has_aux=True)(params)

    (loss, stats), first = gradient(state.params)
    first, params = jax.device_get((first, state.params))
    length = np.sqrt(sum(np.sum(np.square(leaf)) for leaf in jax.tree.leaves(first)))
    uphill = jax.tree.map(lambda p, g: p + RHO * g / length, params, first)
    (_, other_stats), second = gradient(uphill)
    expected = jax.tree.map(lambda p, g: p - LR * g, params, jax.device_get(second))
    chex.assert_trees_all_close(after.params, expected, rtol=1e-4, atol=1e-5)
    chex.assert_trees_all_close(after.batch_stats, stats, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(sums["loss"] / 8, loss, rtol=1e-5)
    with pytest.raises(AssertionError):
        chex.assert_trees_all_close(other_stats, stats, rtol=1e-3)


def one_step(mesh, parallel="jit", parts=1):
    optim = Optim(lr=LR, sam_rho=RHO, accumulate_steps=parts)
    recipe = Recipe(
        "linear", batch_size=16, image_size=8, optim=optim, mesh=mesh, parallel=parallel
    )
    program = build(recipe, dataset_spec("digits"), steps_per_epoch=3, total_steps=3)
    batch = {
        "image": np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1), dtype=np.uint8),
        "label": (np.arange(16) % 10).astype(np.int32),
    }
    rows = to_devices(batch, program.rows)
    after, _ = program.train_step(program.init_state(), rows, program.step_key)
    return jax.device_get(after.params)


def test_the_direction_is_that_of_the_whole_batch():
    alone = one_step(Mesh(data=1))
    several = one_step(Mesh(data=2), "pmap", parts=4)
    chex.assert_trees_all_close(several, alone, rtol=1e-4, atol=1e-6)


def test_a_radius_that_is_none_is_refused():
    recipe = Recipe("linear")
    with pytest.raises(UserError, match=r"--optim.sam-rho=0.0 is out of range"):
        check(replace(recipe, optim=replace(recipe.optim, sam_rho=0.0)))
