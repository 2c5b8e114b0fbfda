"""What does not learn stays as it is, and costs nothing."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.traverse_util import flatten_dict

from jaxcnn.engine.learning import ALL, FROZEN_NORMS, learning_of
from jaxcnn.engine.optim import make_optimizer
from jaxcnn.engine.state import fresh_state
from jaxcnn.engine.step import make_train_step
from jaxcnn.errors import UserError
from jaxcnn.models import create_model, model_spec
from jaxcnn.models.spec import LayerOrder, init_variables
from jaxcnn.recipe import Optim
from jaxcnn.task.losses import cross_entropy

KEY = jax.random.key(0)
LAYERS = LayerOrder("conv1|bn1", r"layer(\d)_(\d)")


def prepare(key, batch):
    return batch["image"] / 127.5 - 1.0, jax.nn.one_hot(batch["label"], 4)


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
    return {"image": jnp.asarray(images), "label": jnp.arange(8, dtype=jnp.int32) % 4}


@pytest.fixture(scope="module")
def model(resnet8):
    return create_model(resnet8, num_classes=4)


@pytest.fixture(scope="module")
def variables(model):
    return jax.jit(partial(init_variables, model, KEY, (16, 16), 3))()


def learning(finetune, variables):
    return learning_of(
        finetune,
        variables["params"],
        variables["batch_stats"],
        head={"head"},
        layers=LAYERS,
        arch="resnet8",
    )


def training(model, variables, learn, optim=Optim("adamw", lr=0.01), **kwargs):  # noqa: B008
    optimizer = make_optimizer(optim, optax.constant_schedule(optim.lr))
    state = fresh_state(variables, optimizer, ema=True, learning=learn)
    step = make_train_step(
        model, optimizer, cross_entropy(), prepare=prepare, ema_decay=0.9, learning=learn, **kwargs
    )
    return state, step


LEARN = {
    "head": ("head",),
    "last-1": ("head", "layer3_0"),
    "last-2": ("head", "layer2_0", "layer3_0"),
    "layer1_0/conv2": ("head", "layer1_0/conv2"),
    FROZEN_NORMS: ("head", "conv1", *(f"layer{stage}_0/conv" for stage in (1, 2, 3))),
}


@pytest.mark.parametrize(
    ("finetune", "accumulate_steps"),
    [("head", 1), ("last-1", 1), ("last-2", 2), ("layer1_0/conv2", 1), (FROZEN_NORMS, 1)],
)
def test_only_what_is_to_learn_moves(model, variables, batch, finetune, accumulate_steps):
    learn = learning(finetune, variables)
    state, step = training(model, variables, learn, accumulate_steps=accumulate_steps)
    after = state
    for _ in range(2):
        after, metrics = jax.jit(step)(after, batch, KEY)
    assert metrics["finite"]
    for kind in ("params", "ema_params"):
        before, now = (flatten_dict(getattr(each, kind), sep="/") for each in (state, after))
        moved = {name for name in before if not np.array_equal(before[name], now[name])}
        wanted = {name for name in before if name.startswith(LEARN[finetune])}
        assert moved == wanted, kind
    for kind in ("batch_stats", "ema_batch_stats"):
        before, now = (flatten_dict(getattr(each, kind), sep="/") for each in (state, after))
        moved = {name for name in before if not np.array_equal(before[name], now[name])}
        assert moved == {name for name in before if name.startswith(LEARN[finetune])}, kind


def test_the_optimiser_keeps_nothing_of_what_does_not_learn(model, variables):
    state, _ = training(model, variables, learning("head", variables))
    head = sum(leaf.size for leaf in jax.tree.leaves(variables["params"]["head"]))
    kept = sum(leaf.size for leaf in jax.tree.leaves(state.opt_state) if leaf.ndim)
    assert kept == 2 * head, "both averages of AdamW"


def test_a_head_alone_has_no_backward_pass_of_what_is_before_it(model, variables, batch):
    def convolutions(learn):
        state, step = training(model, variables, learn)
        return str(jax.make_jaxpr(step)(state, batch, KEY)).count("conv_general_dilated[")

    forward = jax.make_jaxpr(partial(model.apply, train=False))(variables, batch["image"] / 255)
    of_forward = str(forward).count("conv_general_dilated[")
    assert convolutions(learning("head", variables)) == of_forward < convolutions(ALL)


def test_statistics_that_are_kept_are_those_that_the_images_are_normalised_by(
    model, variables, batch
):
    """The head learns from what evaluation shows it."""
    learn = learning("head", variables)
    state, step = training(model, variables, learn)
    _, sums = jax.jit(step)(state, batch, KEY)
    images, targets = prepare(KEY, batch)
    logits = model.apply(variables, images, train=False)
    np.testing.assert_allclose(sums["loss"], cross_entropy()(logits, targets).sum(), rtol=1e-5)


def test_all_parameters_learn_if_nothing_is_said(model, variables, batch):
    state, step = training(model, variables, ALL)
    after, _ = jax.jit(step)(state, batch, KEY)
    flat, now = flatten_dict(state.params), flatten_dict(after.params)
    assert all(not np.array_equal(flat[path], now[path]) for path in flat)


@pytest.mark.parametrize(
    ("finetune", "layers", "message"),
    [
        ("last-9", LAYERS, "resnet8 has 4 layers before its head; give last-1 to last-4"),
        ("last-0", LAYERS, "give last-1 to last-4"),
        ("last-1", None, "does not say; give head, or a regular expression"),
        ("stage9", LAYERS, "no parameter of resnet8 has that in its name; they are in bn1, conv1"),
    ],
)
def test_what_a_network_does_not_have_is_refused(variables, finetune, layers, message):
    with pytest.raises(UserError, match=message):
        learning_of(
            finetune,
            variables["params"],
            variables["batch_stats"],
            head={"head"},
            layers=layers,
            arch="resnet8",
        )


def test_the_layers_are_those_of_the_zoo(resnet8):
    assert model_spec(resnet8).layers is not None
