from functools import partial

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.models import create_model
from jaxcnn.models.efficientnet import (
    EfficientNet,
    MBConv,
    Stage,
    scale_depth,
    scale_width,
    square_conv,
)
from jaxcnn.models.spec import init_variables


@pytest.mark.parametrize(
    ("width", "coefficient", "scaled"),
    [(32, 1.0, 32), (32, 1.1, 32), (24, 1.4, 32), (16, 1.1, 16), (1280, 1.4, 1792), (10, 1.0, 16)],
)
def test_widths_are_multiples_of_8_and_never_shrink_by_more_than_a_tenth(
    width, coefficient, scaled
):
    assert scale_width(width, coefficient) == scaled


def test_depth_rounds_up():
    assert [scale_depth(repeats, 1.1) for repeats in (1, 2, 3, 4)] == [2, 3, 4, 5]


def test_lite_keeps_first_and_last_stage_at_their_depth():
    lite = EfficientNet(num_classes=1, depth=1.8, lite=True).scaled_stages()
    plain = EfficientNet(num_classes=1, depth=1.8).scaled_stages()
    assert [stage.repeats for stage in lite] == [1, 4, 4, 6, 6, 8, 1]
    assert [stage.repeats for stage in plain] == [2, 4, 4, 6, 6, 8, 2]


def test_stochastic_depth_and_dropout_act_in_training_only():
    stages = (Stage(2, 3, 1, 1, 8), Stage(2, 3, 1, 1, 8))
    model = create_model(
        "efficientnet_b0", num_classes=4, stages=stages, drop_path_rate=0.5, drop_rate=0.5
    )
    variables = jax.jit(lambda key: init_variables(model, key, (16, 16), 3))(jax.random.key(0))
    images = jax.random.normal(jax.random.key(1), (4, 16, 16, 3))

    @partial(jax.jit, static_argnums=0)
    def logits(train, seed):
        rngs = {"dropout": jax.random.key(seed)}
        out, _ = model.apply(variables, images, train=train, mutable=["batch_stats"], rngs=rngs)
        return out

    assert jnp.array_equal(logits(False, 1), logits(False, 2))
    assert not jnp.array_equal(logits(True, 1), logits(True, 2))


def test_stochastic_depth_grows_by_the_block_and_never_reaches_its_rate():
    rates = []

    def record(call, args, kwargs, context):
        if isinstance(context.module, MBConv):
            rates.append(context.module.drop_path_rate)
        return call(*args, **kwargs)

    model = create_model("efficientnet_b0", drop_path_rate=0.32)  # 16 blocks
    with nn.intercept_methods(record):
        jax.eval_shape(lambda: init_variables(model, jax.random.key(0), (32, 32), 3))
    assert rates == pytest.approx([0.02 * block for block in range(16)])


@pytest.mark.parametrize(("stride", "width", "shortcut"), [(1, 4, 1), (2, 4, 0), (1, 8, 0)])
def test_a_block_that_strides_or_changes_the_width_has_no_shortcut(stride, width, shortcut):
    block = MBConv(
        Stage(repeats=1, kernel=3, stride=stride, expand=1, width=width),
        stride=stride,
        squeeze_excite=False,
        drop_path_rate=0.0,
        activation=nn.silu,
        conv=partial(square_conv, same_padding=False),
        norm=partial(BatchNorm, use_running_average=True),
        dtype=jnp.float32,
    )
    x = jnp.ones((1, 1, 1, 4))  # Of a single pixel, which striding leaves a single pixel.
    variables = jax.eval_shape(partial(block.init, train=False), jax.random.key(0), x)
    nothing = jax.tree.map(jnp.zeros_like, variables)
    y = jax.jit(partial(block.apply, train=False))(nothing, x)
    assert y.tolist() == jnp.full((1, 1, 1, width), float(shortcut)).tolist()


@pytest.mark.parametrize(
    "same_padding, size, first",
    [(False, 6, -1), (True, 6, 0), (False, 7, -1), (True, 7, -1)],
)
def test_same_padding_starts_an_even_image_at_its_first_pixel(same_padding, size, first):
    """A 3x3 kernel with stride 2 whose only weight is its first: output 0 reads pixel `first`."""
    conv = square_conv(1, 3, 2, same_padding=same_padding)
    kernel = jnp.zeros((3, 3, 1, 1)).at[0, 0].set(1.0)
    x = jnp.arange(1.0, size + 1)[None, :, None, None] * jnp.ones((1, 1, size, 1))
    y = jax.jit(conv.apply)({"params": {"kernel": kernel}}, x)
    rows = [row + 1.0 if row >= 0 else 0.0 for row in range(first, size - 1, 2)]
    assert y[0, :, -1, 0].tolist() == rows


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnetv2_s"])
def test_the_tensorflow_form_differs_in_padding_and_epsilon_only(name):
    plain, tensorflow = create_model(name), create_model(f"tf_{name}")
    assert tensorflow == plain.clone(same_padding=True, epsilon=1e-3)
    assert not plain.same_padding
