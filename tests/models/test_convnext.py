from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxcnn.errors import UserError
from jaxcnn.layers.mlp import Mlp
from jaxcnn.models import create_model
from jaxcnn.models.convnext import Block, BlockV2, ResponseNormMlp
from jaxcnn.models.spec import init_variables

KEY = jax.random.key(0)


@pytest.mark.parametrize("name", ["convnext_tiny", "convnextv2_tiny"])
def test_stochastic_depth_grows_evenly_from_the_first_block_to_the_last(name):
    rates = []

    def record(call, args, kwargs, context):
        if isinstance(context.module, Block | BlockV2):
            rates.append(context.module.drop_path_rate)
        return call(*args, **kwargs)

    model = create_model(name, stages=(1, 2, 1, 1), drop_path_rate=0.4)
    with nn.intercept_methods(record):
        jax.eval_shape(lambda: init_variables(model, KEY, (32, 32), 3))
    assert rates == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


def test_each_stage_has_half_the_pixels_and_twice_the_channels():
    model = create_model("convnext_tiny", stages=(1, 1, 1, 1), width=8)
    images = jnp.zeros((2, 64, 75, 3))  # 75 pixels: 18 patches, then 9, 4, 2.
    variables = jax.eval_shape(lambda: init_variables(model, KEY, (64, 75), 3))
    _, taps = jax.eval_shape(lambda v: model.apply(v, images, mutable=["stages"]), variables)
    shapes = [taps["stages"][stage][0].shape for stage in ("stem", "stage1", "stage2", "stage4")]
    assert shapes == [(2, 16, 18, 8), (2, 16, 18, 8), (2, 8, 9, 16), (2, 2, 2, 64)]


def test_an_image_smaller_than_the_last_pixel_is_refused():
    model = create_model("convnext_tiny")
    with pytest.raises(UserError, match="ConvNeXt needs images of at least 32x32 pixels; got 31x"):
        jax.eval_shape(lambda: init_variables(model, KEY, (31, 64), 3))


@pytest.mark.parametrize(("block", "reach"), [(Block, 3), (BlockV2, 7)])
def test_a_pixel_reaches_its_7x7_neighbours_and_in_v2_the_whole_image(block, reach):
    x = jax.random.normal(KEY, (1, 15, 15, 4))
    module = block(0.0, jnp.float32)
    variables = jax.jit(partial(module.init, train=False))(KEY, x)
    # Away from the start, where a block adds nothing that could be seen.
    variables = jax.tree.map(lambda leaf: leaf + 0.3, variables)
    apply = jax.jit(partial(module.apply, train=False))
    changed = apply(variables, x.at[0, 7, 7].add(1.0))
    difference = np.abs(changed - apply(variables, x)).max((0, 3))
    rows, columns = np.nonzero(difference)
    assert {rows.min(), columns.min()} == {7 - reach}
    assert {rows.max(), columns.max()} == {7 + reach}


def test_a_v1_block_starts_close_to_the_identity():
    x = jax.random.normal(KEY, (2, 8, 8, 4))
    init = partial(Block(0.0, jnp.float32).init_with_output, train=False)
    y, _ = jax.jit(init)(KEY, x)
    np.testing.assert_allclose(y, x, atol=1e-5)


def test_the_v2_mlp_starts_as_the_plain_one():
    x = jax.random.normal(KEY, (2, 3, 3, 4))
    y, variables = ResponseNormMlp(16, jnp.float32).init_with_output(KEY, x)
    params = {name: variables["params"][name] for name in ("fc1", "fc2")}
    np.testing.assert_allclose(y, Mlp(16).apply({"params": params}, x, train=False), atol=1e-6)
