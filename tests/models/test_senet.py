from functools import partial

import jax
import jax.numpy as jnp
from flax.core import unfreeze

from jaxcnn.layers.conv import Conv
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.models import create_model
from jaxcnn.models.resnet import Bottleneck
from jaxcnn.models.senet import SEBottleneck
from jaxcnn.models.spec import init_variables

CONV = partial(Conv, use_bias=False)


def test_the_gate_scales_the_residual_and_leaves_the_shortcut():
    def norm(*, scale_init=None, **kwargs):  # The last scale starts at 1: a residual to look at.
        return BatchNorm(use_running_average=True, **kwargs)

    x = jax.random.normal(jax.random.key(0), (2, 5, 4, 64))
    block = SEBottleneck(16, 1, CONV, norm)
    variables = unfreeze(block.init(jax.random.key(1), x))
    variables["params"]["bn3"]["bias"] = jnp.ones(64)  # A residual whatever the block's input.

    def output(gate_bias):
        variables["params"]["se"]["expand"]["bias"] = jnp.full((64,), gate_bias)
        return block.apply(variables, x)

    without_gate = Bottleneck(16, 1, CONV, norm).apply(variables, x)
    assert jnp.allclose(output(100.0), without_gate, atol=1e-5)  # Sigmoid is 1.
    assert jnp.allclose(output(-100.0), jax.nn.relu(x), atol=1e-5)  # Sigmoid is 0.
    assert not jnp.allclose(without_gate, jax.nn.relu(x), atol=1e-1)


def test_senet154_projects_with_3x3_only_where_it_strides():
    model = create_model("senet154", stages=(1, 2, 1, 1))
    params = jax.eval_shape(lambda: init_variables(model, jax.random.key(0), (32, 32), 3))["params"]
    kernels = {
        name: block["downsample_conv"]["kernel"].shape[:2]
        for name, block in params.items()
        if "downsample_conv" in block
    }
    assert kernels == {
        "layer1_0": (1, 1),
        "layer2_0": (3, 3),
        "layer3_0": (3, 3),
        "layer4_0": (3, 3),
    }


def test_senet154_drops_out_in_training_only():
    model = create_model("senet154", num_classes=3, stages=(0, 0, 0, 0), drop_rate=0.5)
    variables = jax.jit(lambda key: init_variables(model, key, (9, 9), 3))(jax.random.key(0))
    images = jax.random.normal(jax.random.key(1), (2, 9, 9, 3))

    @partial(jax.jit, static_argnums=0)
    def logits(train, seed):
        rngs = {"dropout": jax.random.key(seed)}
        return model.apply(variables, images, train=train, mutable=["batch_stats"], rngs=rngs)[0]

    assert jnp.array_equal(logits(False, 1), logits(False, 2))
    assert not jnp.array_equal(logits(True, 1), logits(True, 2))
