from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import PartitionSpec as P

from jaxcnn.data import dataset_spec
from jaxcnn.engine.mesh import check_batch_size, make_mesh, state_shardings, to_devices
from jaxcnn.engine.program import build
from jaxcnn.errors import UserError
from jaxcnn.recipe import Augment, Mesh, Optim, Recipe


def test_large_arrays_are_split_on_their_largest_divisible_dimension():
    mesh = make_mesh(Mesh(data=2, fsdp=4))
    shapes = {
        "kernel": jax.ShapeDtypeStruct((3, 3, 64, 128), jnp.float32),
        "odd": jax.ShapeDtypeStruct((3, 7, 5, 999), jnp.float32),
        "small": jax.ShapeDtypeStruct((128,), jnp.float32),
        "step": jax.ShapeDtypeStruct((), jnp.int32),
    }
    specs = {name: s.spec for name, s in state_shardings(shapes, mesh).items()}
    assert specs == {"kernel": P(None, None, None, "fsdp"), "odd": P(), "small": P(), "step": P()}


@pytest.mark.parametrize("mesh", [Mesh(data=16), Mesh(data=3, fsdp=3), Mesh(fsdp=9), Mesh(data=0)])
def test_a_mesh_larger_than_the_machine_is_refused(mesh):
    with pytest.raises(UserError, match=r"does not fit 8 device\(s\)"):
        make_mesh(mesh)


def test_a_batch_that_does_not_split_is_refused_with_one_that_does():
    with pytest.raises(UserError, match="--batch-size=100 does not split .* 96 does"):
        check_batch_size(100, 2, make_mesh(Mesh(data=8)))


def images_and_labels(rng):
    return {
        "image": rng.integers(0, 256, (16, 8, 8, 3), dtype=np.uint8),
        "label": rng.integers(0, 10, 16).astype(np.int32),
    }


def recipe_on(mesh, arch):
    """With BatchNorm, averages and mixup."""
    return Recipe(
        arch,
        batch_size=16,
        image_size=8,
        optim=Optim(lr=0.1, ema_decay=0.9),
        augment=Augment(mixup=0.5),
        mesh=mesh,
    )


def three_steps(mesh, arch):
    """Parameters and losses."""
    batch = images_and_labels(np.random.default_rng(0))
    program = build(recipe_on(mesh, arch), dataset_spec("digits"), steps_per_epoch=3, total_steps=3)
    state, losses = program.init_state(), []
    for _ in range(3):
        rows = to_devices(batch, program.rows)
        state, metrics = program.train_step(state, rows, program.step_key)
        losses.append(float(metrics["loss"]))
    return jax.device_get(state.params), losses


@pytest.fixture(scope="module")
def on_one_device(resnet4):
    return three_steps(Mesh(data=1), resnet4)


@pytest.mark.parametrize("mesh", [Mesh(data=8), Mesh(data=1, fsdp=8), Mesh(data=4, fsdp=2)])
def test_the_arithmetic_on_eight_devices_is_that_of_one(on_one_device, resnet4, mesh):
    """BatchNorm's statistics and mixup's partners are those of the global batch."""
    params, losses = on_one_device
    params8, losses8 = three_steps(mesh, resnet4)
    np.testing.assert_allclose(losses8, losses, rtol=1e-4)
    chex.assert_trees_all_close(params8, params, rtol=1e-3, atol=1e-4)


def fifty_steps(mesh, parallel="jit", num_steps=50):
    """Parameters and losses of a run on other images at each step."""
    rng = np.random.default_rng(0)
    recipe = recipe_on(mesh, "resnet20")
    recipe = replace(recipe, optim=Optim(lr=1e-3, ema_decay=0.9), parallel=parallel)
    program = build(recipe, dataset_spec("digits"), steps_per_epoch=50, total_steps=50)
    state, losses = program.init_state(), []
    for _ in range(num_steps):
        rows = to_devices(images_and_labels(rng), program.rows)
        state, metrics = program.train_step(state, rows, program.step_key)
        losses.append(float(metrics["loss"]))
    return jax.device_get(state.params), losses


@pytest.fixture(scope="module")
def fifty_on_one_device():
    start, _ = fifty_steps(Mesh(data=1), num_steps=0)
    return start, *fifty_steps(Mesh(data=1))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mesh", "parallel"),
    [
        (Mesh(data=8), "jit"),
        (Mesh(data=1, fsdp=8), "jit"),
        (Mesh(data=4, fsdp=2), "jit"),
        (Mesh(data=8), "pmap"),
    ],
)
def test_fifty_steps_on_eight_devices_end_where_those_of_one_do(
    fifty_on_one_device, mesh, parallel
):
    """Sums in another order differ by rounding, and where that takes a value over ReLU's kink, by a
    gradient more: after 50 steps by a hundredth of the way. Parameters moved by half a unit of
    their last place came as far apart."""
    start, params, losses = fifty_on_one_device
    params8, losses8 = fifty_steps(mesh, parallel)
    np.testing.assert_allclose(losses8, losses, rtol=1e-3)
    apart = optax.tree.norm(jax.tree.map(jnp.subtract, params8, params))
    moved = optax.tree.norm(jax.tree.map(jnp.subtract, params, start))
    assert moved > 0.1 and apart < 0.03 * moved
