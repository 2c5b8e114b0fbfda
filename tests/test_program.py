import jax
import numpy as np
import pytest

from jaxcnn.data import dataset_spec
from jaxcnn.program import build
from jaxcnn.recipe import Mesh, Optim, Recipe
from jaxcnn.sharding import to_devices
from jaxcnn.state import eval_variables

RECIPE = Recipe("linear", batch_size=8, image_size=8, optim=Optim("sgd", lr=0.1), mesh=Mesh(data=1))


def test_class_weights_count_in_training_and_not_in_evaluation():
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(8, 8, 8, 1), dtype=np.uint8)
    batch = {"image": images, "label": np.arange(8, dtype=np.int32)}
    losses = []
    for weights in (None, np.full(10, 3.0)):
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
    (plain, plain_evaluated), (weighted, weighted_evaluated) = losses
    assert weighted == pytest.approx(3 * plain, rel=1e-5)
    assert weighted_evaluated == plain_evaluated == pytest.approx(plain, rel=1e-5)
