"""Optimisers, schedules, losses and what decays, beside torch's and timm's; see make_goldens.py."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from flax.traverse_util import flatten_dict

from jaxcnn.engine.optim import kernels, make_optimizer
from jaxcnn.engine.schedules import make_schedule
from jaxcnn.engine.state import fresh_state
from jaxcnn.engine.step import make_train_step
from jaxcnn.models import create_model, model_spec
from jaxcnn.models.spec import init_variables
from jaxcnn.recipe import Optim, Recipe, Schedule, check
from jaxcnn.task.losses import binary_cross_entropy, cross_entropy
from jaxcnn.task.mixing import _blend
from jaxcnn.weights.torch_names import torch_name
from tests.parity.training import cases

LAYERS = cases.GOLDENS / "layers.json"
SPARED = json.loads((cases.GOLDENS / "spared.json").read_text())


def after_steps(config, matrices=None):
    check(Recipe("linear", optim=config))
    optimizer = make_optimizer(config, optax.constant_schedule(cases.RATE), matrices)
    params = jax.tree.map(jnp.asarray, cases.parameters())
    state = optimizer.init(params)
    update = jax.jit(optimizer.update)
    for step in range(cases.STEPS):
        updates, state = update(cases.gradients(step), state, params)
        params = optax.apply_updates(params, updates)
    return np.concatenate(
        [np.ravel(params[module][leaf]) for module, of in cases.parameters().items() for leaf in of]
    )


@pytest.mark.parametrize("name", cases.OPTIMIZERS)
def test_twenty_steps_are_those_of_the_reference(name):
    settings, _, _ = cases.OPTIMIZERS[name]
    config = Optim(**{"name": name, "weight_decay": cases.DECAY, "lr": cases.RATE, **settings})
    golden = np.load(cases.GOLDENS / "optimizers.npz")[name]
    np.testing.assert_allclose(after_steps(config), golden, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", cases.MUON)
def test_twenty_steps_of_muon_are_those_of_the_reference(name):
    config = Optim("muon", lr=cases.RATE, weight_decay=cases.DECAY, adam_lr=cases.ADAM_RATE)
    ours = after_steps(config, {("conv", "kernel"): cases.MUON[name]})
    golden = np.load(cases.GOLDENS / "optimizers.npz")[name]
    np.testing.assert_allclose(ours, golden, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", cases.SCHEDULES)
def test_every_steps_rate_is_that_of_the_reference(name):
    settings, _, _ = cases.SCHEDULES[name]
    total = cases.EPOCHS * cases.STEPS_PER_EPOCH
    schedule = make_schedule(
        Schedule(**settings), cases.PEAK, steps_per_epoch=cases.STEPS_PER_EPOCH, total_steps=total
    )
    golden = json.loads((cases.GOLDENS / "schedules.json").read_text())[name]
    np.testing.assert_allclose(jax.vmap(schedule)(jnp.arange(total)), golden, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", cases.LOSSES)
def test_a_losss_gradient_is_that_of_the_reference(name):
    logits, labels, share = cases.logits_and_labels()
    targets = _blend(jnp.asarray(share), jax.nn.one_hot(labels, logits.shape[1]))
    loss = binary_cross_entropy(*cases.LOSSES[name])
    ours = jax.grad(lambda x: loss(x, targets).mean())(logits)
    golden = np.load(cases.GOLDENS / "losses.npz")[name]
    np.testing.assert_allclose(ours, golden, rtol=1e-5, atol=1e-7)


class Logits(nn.Module):
    """Logits that are parameters, a row for each of the unit matrix's rows that it is given."""

    @nn.compact
    def __call__(self, images, *, train=False):
        shape = cases.logits_and_labels()[0].shape
        return images @ self.param("logits", nn.initializers.zeros, shape)


@pytest.mark.parametrize("accumulate_steps", [1, 2])
@pytest.mark.parametrize("name", cases.WEIGHTED)
def test_a_weighted_mean_and_its_gradient_are_those_of_the_reference(name, accumulate_steps):
    of, smoothing = cases.WEIGHTED[name]
    logits, labels, share = cases.logits_and_labels()
    targets = jax.nn.one_hot(labels, logits.shape[1])
    if of == "mixtures":
        targets = _blend(jnp.asarray(share), targets)
    optimizer = optax.sgd(1.0)
    step = make_train_step(
        Logits(),
        optimizer,
        cross_entropy(smoothing, cases.CLASS_WEIGHTS),
        prepare=lambda key, batch: (batch["image"], targets),
        class_weights=cases.CLASS_WEIGHTS if of == "labels" else None,
        accumulate_steps=accumulate_steps,
    )
    variables = {"params": {"logits": jnp.asarray(logits)}, "batch_stats": {}}
    batch = {"image": jnp.eye(len(logits)), "label": jnp.asarray(labels)}
    after, sums = step(fresh_state(variables, optimizer), batch, jax.random.key(0))
    gradient, loss = logits - after.params["logits"], sums["loss"] / len(logits)
    golden = np.load(cases.GOLDENS / "losses.npz")[name]
    np.testing.assert_allclose(np.append(gradient, loss), golden, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", cases.ORDERED)
def test_layers_are_in_timms_order(name):
    spec, layers = model_spec(name), model_spec(name).layers
    assert layers is not None
    shapes = jax.eval_shape(
        lambda: init_variables(create_model(name), jax.random.key(0), (224, 224), 3)
    )["params"]
    numbers = layers.numbers(shapes)
    ours: list[list[str]] = [[] for _ in range(max(numbers.values()) + 1)]
    for path in flatten_dict(shapes):
        ours[numbers[path[0]]].append(torch_name(("params", *path), spec.torch_names))
    assert [sorted(of) for of in ours] == json.loads(LAYERS.read_text())[name]


@pytest.mark.parametrize("name", SPARED)
def test_what_has_axes_and_does_not_decay_is_what_timm_spares(name):
    spec = model_spec(name)
    model = create_model(name)
    size = (spec.image_size, spec.image_size)
    shapes = jax.eval_shape(lambda: init_variables(model, jax.random.key(0), size, spec.channels))
    decayed = jax.tree.leaves(kernels(shapes["params"]))
    leaves = jax.tree_util.tree_leaves_with_path(shapes["params"])
    spared = {
        torch_name(("params", *(key.key for key in path)), spec.torch_names)
        for (path, leaf), decays in zip(leaves, decayed, strict=True)
        if leaf.ndim > 1 and not decays
    }
    assert sorted(spared) == SPARED[name]
    assert all(leaf.ndim > 1 for (_, leaf), decays in zip(leaves, decayed, strict=True) if decays)
