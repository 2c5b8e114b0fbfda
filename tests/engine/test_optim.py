import chex
import jax
import jax.numpy as jnp
import optax
import pytest

from jaxcnn.engine.optim import kernels, make_optimizer
from jaxcnn.errors import UserError
from jaxcnn.models.spec import LayerOrder
from jaxcnn.recipe import Optim, Recipe, check

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
    assert moved == kernels(PARAMS)
    assert moved["conv"]["kernel"] and moved["head"]["kernel"]
    assert not any([moved["bn"]["scale"], moved["bn"]["bias"], moved["head"]["bias"]])


def test_muon_moves_each_group_as_a_matrix_of_its_own():
    optimizer = make_optimizer(
        Optim("muon", lr=1.0, weight_decay=0.0),
        optax.constant_schedule(1.0),
        {("conv", "kernel"): 2},
    )
    gradient = jax.tree.map(lambda p: jax.random.normal(jax.random.key(0), p.shape), PARAMS)
    updates, _ = optimizer.update(gradient, optimizer.init(PARAMS), PARAMS)
    for group in jnp.split(updates["conv"]["kernel"].reshape(18, 4), 2, axis=1):
        lengths = jnp.linalg.svd(group, compute_uv=False)
        assert ((lengths > 0.6) & (lengths < 1.3)).all()
    # What is no matrix has AdamW's first step, of its own rate.
    others = [updates["head"]["kernel"], updates["bn"]["scale"], updates["bn"]["bias"]]
    for update in others:
        chex.assert_trees_all_close(jnp.abs(update), jnp.full_like(update, 3e-4), rtol=1e-3)


def test_muons_two_rates_follow_one_schedule():
    schedule = optax.linear_schedule(0.0, 0.02, 4)
    config = Optim("muon", lr=0.02, adam_lr=1e-3, weight_decay=0.0)
    optimizer = make_optimizer(config, schedule)
    gradient, state = jax.tree.map(jnp.ones_like, PARAMS), optimizer.init(PARAMS)
    sizes = []
    for _ in range(4):
        updates, state = optimizer.update(gradient, state, PARAMS)
        sizes.append(float(-updates["bn"]["scale"][0]))
    assert sizes == pytest.approx([0, 2.5e-4, 5e-4, 7.5e-4], rel=1e-3)


def test_muon_at_a_fixed_norm_starts_from_the_root_of_the_outputs_whatever_the_length():
    """A convolution of four outputs begins at norm 2, and does not decay; the head does."""
    config = Optim("muon", lr=0.1, adam_lr=0.1, weight_decay=0.5, fixed_norm=True)
    optimizer = make_optimizer(config, optax.constant_schedule(0.1), {("conv", "kernel"): 1})
    gradient = jax.tree.map(lambda p: jax.random.normal(jax.random.key(0), p.shape), PARAMS)

    def after(params):
        updates, _ = optimizer.update(gradient, optimizer.init(params), params)
        return optax.apply_updates(params, updates)

    one = after(PARAMS)["conv"]["kernel"]
    longer = after(jax.tree.map(lambda p: 3 * p, PARAMS))["conv"]["kernel"]
    chex.assert_trees_all_close(one, longer, rtol=1e-5)
    begun = PARAMS["conv"]["kernel"] * 2 / jnp.linalg.norm(PARAMS["conv"]["kernel"].ravel())
    lengths = jnp.linalg.svd((one - begun).reshape(18, 4), compute_uv=False)
    assert ((lengths > 0.06) & (lengths < 0.13)).all()
    no_gradient = jax.tree.map(jnp.zeros_like, PARAMS)
    updates, _ = optimizer.update(no_gradient, optimizer.init(PARAMS), PARAMS)
    chex.assert_trees_all_close(updates["head"]["kernel"], jnp.full((4, 5), -0.05), rtol=1e-5)


@pytest.mark.parametrize("name", ["sgd", "adamw", "lamb"])
def test_layer_decay_scales_a_layers_whole_step_decay_included(name):
    def step(layer_decay):
        config = Optim(name, lr=0.1, weight_decay=0.1, layer_decay=layer_decay)
        order = LayerOrder("conv", "bn")
        optimizer = make_optimizer(config, optax.constant_schedule(0.1), layers=order)
        return optimizer.update(PARAMS, optimizer.init(PARAMS), PARAMS)[0]

    scaled, whole = step(0.5), step(None)
    expected = {
        layer: jax.tree.map(lambda u, factor=factor: factor * u, whole[layer])
        for layer, factor in {"conv": 0.25, "bn": 0.5, "head": 1.0}.items()
    }
    chex.assert_trees_all_close(scaled, expected, rtol=1e-6)


def test_layer_decay_is_refused_where_layers_have_no_order():
    with pytest.raises(UserError, match="--optim.layer-decay=0.5 goes by the order of a model's"):
        make_optimizer(Optim(layer_decay=0.5), optax.constant_schedule(0.1))


@pytest.mark.parametrize("name", ["sgd", "adamw", "lion", "muon"])
def test_the_average_of_gradients_may_be_kept_in_bfloat16(name):
    def state_and_updates(dtype):
        config = Optim(name, lr=0.1, momentum_dtype=dtype)
        optimizer = make_optimizer(config, optax.constant_schedule(0.1))
        gradient = jax.tree.map(lambda p: 0.3 * p, PARAMS)
        state = optimizer.init(PARAMS)
        return state, optimizer.update(gradient, state, PARAMS)[0]

    state, updates = state_and_updates("bfloat16")
    of_weights = [leaf for leaf in jax.tree.leaves(state) if leaf.ndim > 1]
    halved = [leaf for leaf in of_weights if leaf.dtype == jnp.bfloat16]
    # The average of squares, which adamw has beside it, stays.
    assert len(halved) == len(of_weights) // (2 if name == "adamw" else 1) > 0
    chex.assert_trees_all_close(updates, state_and_updates("float32")[1], rtol=2e-2, atol=1e-4)
    assert {leaf.dtype for leaf in jax.tree.leaves(updates)} == {jnp.dtype(jnp.float32)}


def test_bfloat16_momentum_is_refused_where_the_optimiser_has_none():
    with pytest.raises(UserError, match="is for sgd, adamw, lion and muon; lamb keeps float32"):
        check(Recipe("linear", optim=Optim("lamb", momentum_dtype="bfloat16")))
