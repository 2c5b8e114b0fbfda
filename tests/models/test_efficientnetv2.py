from functools import partial

import jax
import jax.numpy as jnp
import pytest

from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.models import create_model
from jaxcnn.models.efficientnet import square_conv
from jaxcnn.models.efficientnetv2 import FusedMBConv, S, Stage
from jaxcnn.models.spec import init_variables

KEY = jax.random.key(0)


def fused(*, expand, width, stride=1):
    conv = partial(square_conv, same_padding=False)
    norm = partial(BatchNorm, use_running_average=True)
    stage = Stage(repeats=1, kernel=3, stride=stride, expand=expand, width=width, fused=True)
    return FusedMBConv(stage, stride, 0.0, conv, norm)


def init_and_apply(block, x):
    y, variables = jax.jit(partial(block.init_with_output, train=False))(KEY, x)
    return y, set(variables["params"])


@pytest.mark.parametrize("expand", [1, 4])
@pytest.mark.parametrize(("stride", "width", "shortcut"), [(1, 8, 1), (2, 8, 0), (1, 4, 0)])
def test_a_fused_block_adds_its_input_where_the_shape_stays(expand, stride, width, shortcut):
    x = jnp.ones((1, 6, 6, 8))
    block = fused(expand=expand, width=width, stride=stride)
    variables = jax.eval_shape(partial(block.init, train=False), KEY, x)
    nothing = jax.tree.map(jnp.zeros_like, variables)
    y = jax.jit(partial(block.apply, train=False))(nothing, x)
    assert y.shape == (1, 6 // stride, 6 // stride, width)
    assert (y == shortcut).all()


def test_a_fused_block_without_expansion_is_one_convolution_and_ends_in_its_activation():
    x = jax.random.normal(KEY, (1, 6, 6, 8))
    y, layers = init_and_apply(fused(expand=1, width=4), x)
    assert layers == {"conv", "bn1"}
    assert y.min() > -0.3  # The least value of silu is -0.28.
    y, layers = init_and_apply(fused(expand=4, width=4), x)
    assert layers == {"conv_exp", "bn1", "conv_pwl", "bn2"}
    assert y.min() < -0.3


def test_depth_multiplies_the_repeats_and_no_stage_disappears():
    def blocks(depth):
        model = create_model("efficientnetv2_s", stages=S[:2], depth=depth)
        params = jax.eval_shape(lambda: init_variables(model, KEY, (32, 32), 3))["params"]
        stages = [name.split("_")[1] for name in params if name.startswith("blocks")]
        return [stages.count(stage) for stage in sorted(set(stages))]

    assert [blocks(depth) for depth in (0.1, 1.0, 1.3)] == [[1, 1], [2, 4], [3, 6]]
