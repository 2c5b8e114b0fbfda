import jax
import jax.numpy as jnp
import optax
import pytest

from jaxcnn.optim import decayed, make_optimizer, muon_dimensions
from jaxcnn.recipe import Optim

PARAMS = {
    "conv": {"kernel": jnp.ones((3, 3, 2, 4))},
    "bn": {"scale": jnp.ones(4), "bias": jnp.ones(4)},
    "head": {"kernel": jnp.ones((4, 5)), "bias": jnp.ones(5)},
}


@pytest.mark.parametrize("name", ["sgd", "adamw", "rmsprop", "lamb", "lion", "muon"])
def test_weight_decay_moves_kernels_and_leaves_norms_and_biases(name):
    optimizer = make_optimizer(Optim(name, lr=0.1, weight_decay=0.1), optax.constant_schedule(0.1))
    no_gradient = jax.tree.map(jnp.zeros_like, PARAMS)
    updates, _ = optimizer.update(no_gradient, optimizer.init(PARAMS), PARAMS)
    moved = jax.tree.map(lambda u: bool(jnp.any(u != 0)), updates)
    assert moved == decayed(PARAMS)
    assert moved["conv"]["kernel"] and moved["head"]["kernel"]
    assert not any([moved["bn"]["scale"], moved["bn"]["bias"], moved["head"]["bias"]])


def test_muon_takes_kernels_as_matrices_of_all_inputs_by_outputs():
    dimensions = muon_dimensions(PARAMS)
    assert dimensions["conv"]["kernel"].reduction_axis == (0, 1, 2)
    assert dimensions["conv"]["kernel"].output_axis == 3
    assert dimensions["bn"]["scale"] is None
