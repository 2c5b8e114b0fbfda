"""Which checkpoint is the best one."""

import jax.numpy as jnp
import pytest

from jaxcnn.checkpoint import Checkpoints
from jaxcnn.state import TrainState


@pytest.mark.parametrize("name", ["top1", "mAP"])
def test_the_best_step_is_that_of_the_best_figure_not_the_latest(tmp_path, name):
    def state(step):
        return TrainState(jnp.array(step), {"w": jnp.ones(2)}, {}, {}, None, None)

    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.best_step() is None
        best = None
        for step, value in ((1, 0.9), (2, 0.4), (3, 0.5), (4, 0.6)):
            best = best or {"step": step, name: value}
            checkpoints.save(state(step), {"best": best}, {name: value})
        checkpoints.wait()
        assert checkpoints.best_step() == 1
        kept = {int(path.name) for path in tmp_path.iterdir()}
        assert kept == {1, 3, 4}
        assert checkpoints.latest_step() == 4
