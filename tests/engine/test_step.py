from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from jaxcnn.engine.optim import make_optimizer
from jaxcnn.engine.state import eval_variables, init_state
from jaxcnn.engine.step import NORMS, make_eval_step, make_train_step
from jaxcnn.models import create_model
from jaxcnn.recipe import Optim
from jaxcnn.task.losses import AUX_WEIGHT, cross_entropy

KEY = jax.random.key(0)
LRS = {"sgd": 0.05, "adamw": 3e-3, "rmsprop": 1e-3, "lamb": 1e-2, "lion": 1e-3, "muon": 1e-2}


def prepare(key, batch):
    return batch["image"] / 127.5 - 1.0, jax.nn.one_hot(batch["label"], 4)


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    return {
        "image": jnp.asarray(rng.integers(0, 256, (16, 16, 16, 3), dtype=np.uint8)),
        "label": jnp.arange(16, dtype=jnp.int32) % 4,
    }


def training(model, optim, **kwargs):
    optimizer = make_optimizer(optim, optax.constant_schedule(optim.lr))
    ema = kwargs.get("ema_decay") is not None
    init = partial(init_state, model, optimizer, image_size=(16, 16), channels=3, ema=ema)
    step = make_train_step(model, optimizer, cross_entropy(), prepare=prepare, **kwargs)
    return jax.jit(init)(KEY), jax.jit(step)


@pytest.mark.parametrize("name", LRS)
def test_every_optimiser_lowers_the_loss_on_a_fixed_batch(name, batch):
    model = create_model("mlp", num_classes=4)
    state, step = training(model, Optim(name, lr=LRS[name]))
    losses = []
    for _ in range(6):
        state, metrics = step(state, batch, KEY)
        losses.append(float(metrics["loss"]))
    assert losses[-1] < losses[0]
    assert int(state.step) == 6


def test_accumulated_gradient_is_that_of_the_whole_batch(batch):
    model = create_model("mlp", num_classes=4)
    optim = Optim("sgd", lr=0.1)
    state, whole = training(model, optim)
    _, in_parts = training(model, optim, accumulate_steps=4)
    one, one_metrics = whole(state, batch, KEY)
    four, four_metrics = in_parts(state, batch, KEY)
    chex.assert_trees_all_close(one.params, four.params, rtol=1e-5, atol=1e-6)
    chex.assert_trees_all_close(one_metrics, four_metrics, rtol=1e-5)


def test_accumulation_carries_batch_statistics_through_the_parts(batch):
    model = create_model("resnet20", num_classes=4, blocks_per_stage=1)
    state, step = training(model, Optim(), accumulate_steps=4)
    after, _ = step(state, batch, KEY)
    moved = jax.tree.map(lambda a, b: jnp.any(a != b), state.batch_stats, after.batch_stats)
    assert all(jax.tree.leaves(moved))


def test_averages_of_weights_and_statistics_follow_and_are_what_is_evaluated(batch):
    model = create_model("resnet20", num_classes=4, blocks_per_stage=1)
    state, step = training(model, Optim(lr=0.1), ema_decay=0.9)
    after, _ = step(state, batch, KEY)
    rate = 1 - min(0.9, 2 / 11)  # the decay of the first step
    for average, before, now in [
        (after.ema_params, state.params, after.params),
        (after.ema_batch_stats, state.batch_stats, after.batch_stats),
    ]:
        expected = jax.tree.map(lambda b, n: b + rate * (n - b), before, now)
        chex.assert_trees_all_close(average, expected, rtol=1e-4, atol=1e-6)
    chex.assert_trees_all_equal(
        eval_variables(after), {"params": after.ema_params, "batch_stats": after.ema_batch_stats}
    )


def test_a_step_is_a_function_of_state_batch_and_key(batch):
    model = create_model("efficientnet_b0", num_classes=4, stages=())
    state, step = training(model, Optim())
    first, again = step(state, batch, KEY)[0], step(state, batch, KEY)[0]
    chex.assert_trees_all_equal(first, again)
    other_step = step(state.replace(step=state.step + 1), batch, KEY)[0]
    assert not jnp.array_equal(first.params["head"]["kernel"], other_step.params["head"]["kernel"])


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf])
def test_a_loss_that_is_not_finite_is_reported(batch, bad):
    model = create_model("linear", num_classes=4)
    state, step = training(model, Optim())
    assert step(state, batch, KEY)[1]["finite"]
    params = jax.tree.map(lambda p: p.at[0].set(bad), state.params)
    assert not step(state.replace(params=params), batch, KEY)[1]["finite"]


def test_gradients_are_clipped_to_the_norm(batch):
    model = create_model("linear", num_classes=4)
    optim = Optim("sgd", lr=1.0, momentum=0.0, weight_decay=0.0, clip_norm=1e-3)
    state, step = training(model, optim)
    after, _ = step(state, batch, KEY)
    moved = optax.tree.norm(jax.tree.map(jnp.subtract, after.params, state.params))
    assert moved == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.parametrize(("every", "counted"), [(1, [True, True]), (2, [False, True])])
def test_norms_are_counted_when_they_are_due_and_change_nothing_else(batch, every, counted):
    model = create_model("linear", num_classes=4)
    optim = Optim("sgd", lr=0.1, momentum=0.0, nesterov=False, weight_decay=0.0)
    state, with_norms = training(model, optim, norms_every=every)
    plain_state, plain = training(model, optim)
    for due in counted:
        before = state.params
        state, metrics = with_norms(state, batch, KEY)
        plain_state, plain_metrics = plain(plain_state, batch, KEY)
        norms = jnp.stack([metrics.pop(name) for name in NORMS])
        moved = optax.tree.norm(jax.tree.map(jnp.subtract, state.params, before))
        expected = jnp.stack([moved / 0.1, moved, optax.tree.norm(state.params)])
        np.testing.assert_allclose(norms, expected if due else np.zeros(3), rtol=1e-4)
        chex.assert_trees_all_close(metrics, plain_metrics, rtol=1e-6)
    chex.assert_trees_all_close(state.params, plain_state.params, rtol=1e-6)


def test_padding_counts_for_nothing_in_evaluation(batch):
    model = create_model("mlp", num_classes=4)
    state, _ = training(model, Optim())
    step = make_eval_step(model, cross_entropy(), prepare=prepare)
    variables = eval_variables(state)
    ten = {name: rows[:10] for name, rows in batch.items()}
    whole, logits = step(variables, {**ten, "weight": jnp.ones(10)})
    weight = (jnp.arange(16) < 10).astype(jnp.float32)
    padded, padded_logits = step(variables, {**batch, "weight": weight})
    chex.assert_trees_all_close(logits, padded_logits[:10], rtol=1e-5, atol=1e-6)
    chex.assert_trees_all_close(whole, padded, rtol=1e-6)
    assert padded["n"] == 10


def test_a_flipped_evaluation_is_of_the_mean_logits_of_both_images(batch):
    model = create_model("mlp", num_classes=4)
    state, _ = training(model, Optim())
    variables, weighted = eval_variables(state), {**batch, "weight": jnp.ones(16)}
    step = make_eval_step(model, cross_entropy(), prepare=prepare, flip=True)
    sums, outputs = step(variables, weighted)
    images, targets = prepare(KEY, batch)
    logits = [model.apply(variables, x, train=False) for x in (images, images[:, :, ::-1])]
    mean = (logits[0] + logits[1]) / 2
    np.testing.assert_allclose(outputs, mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(sums["loss"], cross_entropy()(mean, targets).sum(), rtol=1e-5)
    mirrored = {**weighted, "image": batch["image"][:, :, ::-1]}
    np.testing.assert_allclose(step(variables, mirrored)[0]["loss"], sums["loss"], rtol=1e-5)


class WithAuxHeads(nn.Module):
    """A linear classifier, and as many auxiliary ones on the same pixels."""

    heads: int

    @nn.compact
    def __call__(self, images, *, train=False):
        x = images.reshape(len(images), -1)
        for number in range(self.heads if train else 0):
            logits = nn.Dense(4, name=f"head{number}")(x)
            if not self.is_initializing():
                self.sow("aux_logits", f"aux{number}", logits)
        return nn.Dense(4, name="head")(x)


def test_auxiliary_heads_learn_at_their_weight_and_are_not_in_the_metrics(batch):
    optim = Optim("sgd", lr=0.1, momentum=0.0, weight_decay=0.0)
    state, step = training(WithAuxHeads(2), optim)
    # From the same weights a head's gradient is the same, but for the weight of its loss.
    params = dict.fromkeys(("head", "head0", "head1"), state.params["head"])
    after, metrics = step(state.replace(params=params), batch, KEY)
    moved = jax.tree.map(jnp.subtract, after.params, params)
    weighted = jax.tree.map(lambda d: AUX_WEIGHT * d, moved["head"])
    assert jnp.abs(weighted["kernel"]).max() > 0
    for head in ("head0", "head1"):
        chex.assert_trees_all_close(moved[head], weighted, rtol=1e-3, atol=1e-6)

    plain_state, plain_step = training(WithAuxHeads(0), optim)
    plain_params = {"head": params["head"]}
    plain_after, plain_metrics = plain_step(plain_state.replace(params=plain_params), batch, KEY)
    chex.assert_trees_all_close(metrics, plain_metrics, rtol=1e-6)
    chex.assert_trees_all_close(after.params["head"], plain_after.params["head"], rtol=1e-6)


def test_a_model_without_auxiliary_heads_minimises_its_loss_alone(batch):
    optim = Optim("sgd", lr=0.1, momentum=0.0, weight_decay=0.0)
    model = create_model("linear", num_classes=4)
    state, step = training(model, optim)

    def loss(params):
        images, targets = prepare(KEY, batch)
        return cross_entropy()(model.apply({"params": params}, images), targets).mean()

    grads = jax.grad(loss)(state.params)
    expected = jax.tree.map(lambda p, g: p - 0.1 * g, state.params, grads)
    chex.assert_trees_all_close(step(state, batch, KEY)[0].params, expected, rtol=1e-5, atol=1e-6)
