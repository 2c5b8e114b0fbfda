import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.models import create_model
from jaxcnn.models.googlenet import average_to_4x4, halve
from jaxcnn.models.spec import init_variables
from jaxcnn.ops.pool import avg_pool

KEY = jax.random.key(0)
NAMES = ["googlenet", "googlenet_2014"]


def shapes(name, size=(32, 32), **overrides):
    model = create_model(name, num_classes=5, **overrides)
    variables = jax.eval_shape(lambda: init_variables(model, KEY, size, 3))
    return model, variables, jax.ShapeDtypeStruct((2, *size, 3), jnp.float32)


@pytest.mark.parametrize("name", NAMES)
def test_auxiliary_logits_are_sown_in_training_and_unknown_to_inference(name):
    model, variables, images = shapes(name, dtype=jnp.bfloat16)

    def sown(variables, train):
        return jax.eval_shape(
            lambda v, x: model.apply(
                v, x, train=train, mutable=["batch_stats", "aux_logits"], rngs={"dropout": KEY}
            )[1].get("aux_logits", {}),
            variables,
            images,
        )

    logits = {head: values[0] for head, values in sown(variables, train=True).items()}
    assert set(logits) == {"aux1", "aux2"}
    assert {(x.shape, x.dtype) for x in logits.values()} == {((2, 5), jnp.dtype("float32"))}
    # Without their parameters inference could not compute them.
    without = {
        collection: {key: leaf for key, leaf in tree.items() if not key.startswith("aux")}
        for collection, tree in variables.items()
    }
    assert len(without["params"]) == len(variables["params"]) - 2
    assert sown(without, train=False) == {}


def test_initialising_keeps_no_auxiliary_logits():
    model = create_model("googlenet_2014", num_classes=5)
    rngs = {"params": KEY, "dropout": KEY}
    variables = jax.eval_shape(lambda: model.init(rngs, jnp.zeros((1, 32, 32, 3)), train=True))
    assert set(variables) == {"params"}


@pytest.mark.parametrize(
    ("name", "size", "biased"), [("googlenet", 3, False), ("googlenet_2014", 5, True)]
)
def test_five_by_five_is_so_in_the_paper_only(name, size, biased):
    _, variables, _ = shapes(name)
    modules = [tree for key, tree in variables["params"].items() if key.startswith("inception")]
    assert len(modules) == 9
    assert {module["conv5x5"]["conv"]["kernel"].shape[:2] for module in modules} == {(size, size)}
    assert {"bias" in module["conv5x5"]["conv"] for module in modules} == {biased}
    assert {"bn" in module["conv5x5"] for module in modules} == {not biased}


@pytest.mark.parametrize("name", NAMES)
def test_a_224_pixel_image_shrinks_as_in_table_1(name):
    model, variables, images = shapes(name, (224, 224))
    _, taps = jax.eval_shape(lambda v, x: model.apply(v, x, mutable=["stages"]), variables, images)
    stages = {name: x[0].shape[1:] for name, x in taps["stages"].items()}
    assert stages.pop("pooled") == (1024,)
    assert list(stages.values()) == [
        (112, 112, 64),
        (56, 56, 192),
        (28, 28, 480),
        (14, 14, 832),
        (7, 7, 1024),
    ]


@pytest.mark.parametrize("window", [2, 3])
@pytest.mark.parametrize("size", [(2, 3), (4, 5), (7, 6), (9, 8)])
def test_halving_rounds_up_and_cuts_windows_at_the_edge(window, size):
    x = -1 - np.random.default_rng(0).random((1, *size, 2), np.float32)  # Padding is no maximum.
    y = halve(jnp.asarray(x), window)
    assert y.shape[1:3] == tuple(math.ceil((n - window) / 2) + 1 for n in size)
    for i in range(y.shape[1]):
        for j in range(y.shape[2]):
            seen = x[:, 2 * i : 2 * i + window, 2 * j : 2 * j + window]
            np.testing.assert_array_equal(y[:, i, j], seen.max((1, 2)))


def test_auxiliary_maps_are_averaged_as_in_the_paper_and_at_other_sizes_to_as_many_positions():
    x = jax.random.normal(KEY, (1, 14, 14, 3))
    assert jnp.array_equal(average_to_4x4(x), avg_pool(x, 5, 3))
    for size in [(1, 1), (2, 14), (5, 8), (20, 15)]:
        ones = average_to_4x4(jnp.ones((1, *size, 3)))
        np.testing.assert_allclose(ones, jnp.ones((1, 4, 4, 3)), rtol=1e-6)


@pytest.mark.parametrize(("name", "least"), [("googlenet", 15), ("googlenet_2014", 31)])
def test_the_least_size_is_what_the_poolings_need(name, least):
    assert shapes(name, (least, least + 1))
    with pytest.raises(UserError, match=f"at least {least}x{least} pixels; got {least + 9}x"):
        shapes(name, (least + 9, least - 1))
    with pytest.raises(ValueError, match="does not fit"):
        shapes(name, (least + 9, least - 1), least_size=1)
