from functools import partial

import jax
import jax.numpy as jnp
from flax.core import unfreeze

from jaxcnn.layers.conv import Conv
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.models.resnetv2 import PreActivationBottleneck

X = jax.random.normal(jax.random.key(0), (2, 6, 4, 16))


def block_and_variables(project):
    """A block, its residual silenced."""
    conv, norm = partial(Conv, use_bias=False), partial(BatchNorm, use_running_average=True)
    block = PreActivationBottleneck(4, 2 if project else 1, project, conv, norm)
    variables = unfreeze(block.init(jax.random.key(1), X))
    kernel = variables["params"]["conv3"]["kernel"]
    variables["params"]["conv3"]["kernel"] = jnp.zeros_like(kernel)
    return block, variables


def test_the_shortcut_is_the_input_itself_negative_values_too():
    block, variables = block_and_variables(project=False)
    assert jnp.array_equal(block.apply(variables, X), X)


def test_a_projection_takes_the_normalised_and_rectified_input():
    block, variables = block_and_variables(project=True)
    y = block.apply(variables, X)
    assert y.shape == (2, 3, 2, 16)
    assert y.any()
    variables["params"]["norm1"]["bias"] = jnp.full((16,), -100.0)  # All below ReLU's threshold.
    assert not block.apply(variables, X).any()
