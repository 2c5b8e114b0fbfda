from functools import partial

import jax
import jax.numpy as jnp
import pytest

from jaxcnn.errors import UserError
from jaxcnn.layers.conv import Conv
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.models import create_model
from jaxcnn.models.densenet import DenseBlock, DenseLayer
from jaxcnn.models.spec import init_variables


def param_shapes(name, size, **overrides):
    model = create_model(name, **overrides)
    variables = jax.eval_shape(lambda: init_variables(model, jax.random.key(0), size, 3))
    return jax.tree.map(jnp.shape, variables["params"], is_leaf=lambda leaf: hasattr(leaf, "shape"))


def test_a_block_passes_its_input_on_beside_what_each_layer_adds():
    conv, norm = partial(Conv, use_bias=False), partial(BatchNorm, use_running_average=True)
    layer = partial(DenseLayer, 3, False, conv, norm, lambda: lambda x: x)
    x = jax.random.normal(jax.random.key(0), (2, 5, 4, 8))
    two, variables = DenseBlock(2, layer).init_with_output(jax.random.key(1), x)
    one = DenseBlock(1, layer).apply(variables, x)
    assert two.shape == (2, 5, 4, 8 + 2 * 3)
    assert jnp.array_equal(two[..., :8], x)
    assert jnp.array_equal(two[..., :11], one)


def test_a_layer_sees_all_earlier_maps_of_its_block_through_four_times_its_growth():
    block = param_shapes("densenet121", (32, 32))["denseblock1"]
    for j in range(6):
        layer = block[f"denselayer{j + 1}"]
        assert layer["conv1"]["kernel"] == (1, 1, 64 + 32 * j, 128)
        assert layer["conv2"]["kernel"] == (3, 3, 128, 32)


@pytest.mark.parametrize(
    ("name", "kept"), [("densenet121", 0.5), ("densenet_bc_100_k12", 0.5), ("densenet_40_k12", 1.0)]
)
def test_transitions_of_the_bc_form_halve_the_channels(name, kept):
    params = param_shapes(name, (32, 32))
    for transition in ("transition1", "transition2"):
        *_, channels, outputs = params[transition]["conv"]["kernel"]
        assert outputs == int(kept * channels)


@pytest.mark.parametrize(
    ("name", "least", "overrides"),
    [
        ("densenet121", 29, {}),
        ("densenet121", 13, {"stages": (1, 1, 1)}),
        ("densenet_40_k12", 4, {}),
        ("densenet_bc_100_k12", 4, {}),
    ],
)
def test_the_least_size_works_and_one_pixel_less_is_refused(name, least, overrides):
    param_shapes(name, (least, least), **overrides)
    with pytest.raises(UserError, match=f"at least {least}x{least} pixels; got 64x{least - 1}"):
        param_shapes(name, (64, least - 1), **overrides)


def test_dropout_acts_in_training_only():
    model = create_model("densenet_40_k12", num_classes=4, stages=(1, 1), drop_rate=0.5)
    variables = jax.jit(lambda key: init_variables(model, key, (8, 8), 3))(jax.random.key(0))
    images = jax.random.normal(jax.random.key(1), (2, 8, 8, 3))

    @partial(jax.jit, static_argnums=0)
    def logits(train, seed):
        rngs = {"dropout": jax.random.key(seed)}
        return model.apply(variables, images, train=train, mutable=["batch_stats"], rngs=rngs)[0]

    assert jnp.array_equal(logits(False, 1), logits(False, 2))
    assert not jnp.array_equal(logits(True, 1), logits(True, 2))
