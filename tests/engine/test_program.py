from dataclasses import replace

import jax
import numpy as np
import pytest

from jaxcnn.data import dataset_spec
from jaxcnn.engine.mesh import place, to_devices
from jaxcnn.engine.program import build
from jaxcnn.engine.state import eval_variables
from jaxcnn.models import model_spec
from jaxcnn.recipe import Mesh, Optim, Recipe
from jaxcnn.xla.platform import one_cpu

RECIPE = Recipe("linear", batch_size=8, image_size=8, optim=Optim("sgd", lr=0.1), mesh=Mesh(data=1))


def test_class_weights_count_in_training_and_not_in_evaluation():
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(8, 8, 8, 1), dtype=np.uint8)
    batch = {"image": images, "label": np.arange(8, dtype=np.int32)}
    losses = []
    some = np.linspace(0.1, 3.0, 10)
    for weights in (None, some, 2 * some):
        program = build(
            RECIPE,
            dataset_spec("digits"),
            steps_per_epoch=1,
            total_steps=1,
            class_weights=weights,
        )
        state = program.init_state()
        whole = to_devices({**batch, "weight": np.ones(8, np.float32)}, program.rows)
        evaluated, _ = program.eval_step(eval_variables(state), whole)
        _, trained = program.train_step(state, to_devices(batch, program.rows), program.step_key)
        losses.append(jax.device_get((trained["loss"], evaluated["loss"])))
    (plain, plain_evaluated), (weighted, weighted_evaluated), (twice, _) = losses
    assert weighted != pytest.approx(plain, rel=1e-3)
    # It is a mean, so that only ratios of weights count.
    assert twice == pytest.approx(weighted, rel=1e-5)
    assert weighted_evaluated == plain_evaluated == pytest.approx(plain, rel=1e-5)


@pytest.mark.parametrize(
    "arch, mesh",
    [
        ("resnet20", Mesh(data=8)),
        ("resnet20", Mesh(data=1, fsdp=8)),
        ("vit_tiny_patch16_224", Mesh(data=2, fsdp=4)),
    ],
    ids=str,
)
def test_a_seed_draws_the_same_bits_on_one_device_and_on_several(arch, mesh, monkeypatch):
    """Two ways to split the draws of a normal distribution over devices round them differently."""
    drawn_on = set()

    def seen(array, sharding):
        drawn_on.update(array.devices())
        return place(array, sharding)

    monkeypatch.setattr("jaxcnn.engine.program.place", seen)
    recipe = replace(
        RECIPE, arch=arch, image_size=model_spec(arch).image_size or 32, seed=3, mesh=Mesh(data=1)
    )

    def drawn(recipe):
        program = build(recipe, dataset_spec("digits"), steps_per_epoch=1, total_steps=1)
        state = program.init_state()
        shardings = jax.tree.map(lambda leaf: leaf.sharding, (state, program.state_like))
        assert shardings[0] == shardings[1]
        return state

    jax.tree.map(np.testing.assert_array_equal, drawn(recipe), drawn(replace(recipe, mesh=mesh)))
    # Also for a GPU, whose own draws are others in the last bit.
    assert drawn_on == {one_cpu()}
