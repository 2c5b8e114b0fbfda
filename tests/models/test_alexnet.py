import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

from jaxcnn.errors import UserError
from jaxcnn.layers.dense import Dense
from jaxcnn.layers.dropout import Dropout
from jaxcnn.models import create_model
from jaxcnn.models.spec import init_variables

KEY = jax.random.key(0)


def shapes(name, size, **overrides):
    """Shapes of the variables and of the tapped stages, without computing anything."""
    model = create_model(name, num_classes=5, **overrides)
    variables = jax.eval_shape(lambda: init_variables(model, KEY, size, 3))
    images = jax.ShapeDtypeStruct((1, *size, 3), jnp.float32)
    _, taps = jax.eval_shape(lambda v, x: model.apply(v, x, mutable=["stages"]), variables, images)
    return variables["params"], {name: x[0].shape[1:] for name, x in taps["stages"].items()}


def test_a_227_pixel_image_shrinks_as_in_the_papers_figure():
    _, stages = shapes("alexnet_2012", (227, 227))
    assert stages.pop("pooled") == (4096,)
    assert list(stages.values()) == [
        (55, 55, 96),
        (27, 27, 256),
        (13, 13, 384),
        (13, 13, 384),
        (13, 13, 256),
    ]


def test_kernels_see_one_gpus_half_but_in_the_first_and_third_layer():
    params, stages = shapes("alexnet_2012", (227, 227))
    seen = [params[f"conv{i}"]["kernel"].shape[2] for i in (2, 3, 4, 5)]
    whole = [stages[f"stage{i}"][2] for i in (1, 2, 3, 4)]
    assert [w / s for w, s in zip(whole, seen, strict=True)] == [2, 1, 2, 2]


@pytest.mark.parametrize(("name", "least"), [("alexnet", 63), ("alexnet_2012", 67)])
def test_the_least_size_is_what_the_last_pooling_needs(name, least):
    assert shapes(name, (least, least + 1))[0]
    with pytest.raises(UserError, match=f"at least {least}x{least} pixels; got {least + 9}x"):
        shapes(name, (least + 9, least - 1))
    with pytest.raises(ValueError, match="does not fit"):
        shapes(name, (least + 9, least - 1), least_size=1)


def test_initial_biases_are_one_where_the_paper_has_them():
    model = create_model("alexnet_2012", num_classes=5, dense=(4, 4))
    params = jax.jit(lambda: init_variables(model, KEY, (67, 67), 3))()["params"]
    ones = {name for name, layer in params.items() if (layer["bias"] == 1).all()}
    zeros = {name for name, layer in params.items() if (layer["bias"] == 0).all()}
    assert ones == {"conv2", "conv4", "conv5", "fc6", "fc7"}
    assert zeros == {"conv1", "conv3", "fc8"}


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("alexnet_2012", ["fc6", "dropout", "fc7", "dropout", "fc8"]),
        ("alexnet", ["dropout", "fc6", "dropout", "fc7", "fc8"]),
    ],
)
def test_two_dense_layers_inputs_are_dropped_out(name, order):
    calls = []

    def record(call, args, kwargs, context):
        if isinstance(context.module, Dropout):
            assert context.module.rate == 0.5 and not context.module.deterministic
            calls.append("dropout")
        elif isinstance(context.module, Dense):
            calls.append(context.module.name)
        return call(*args, **kwargs)

    model = create_model(name, num_classes=5)
    with nn.intercept_methods(record):
        jax.eval_shape(lambda: init_variables(model, KEY, (67, 67), 3))
    assert calls == order
