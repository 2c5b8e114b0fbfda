import jax
import jax.numpy as jnp
import pytest

from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.models import create_model
from jaxcnn.models.resnet import CifarBlock, Conv
from jaxcnn.models.spec import init_variables


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_each_block_starts_as_the_identity(name):
    """With zero-initialised last scales the second block of a stage changes nothing."""
    deeper = create_model(name, num_classes=10, stages=(1, 2))
    shallow = create_model(name, num_classes=10, stages=(1, 1))
    images = jax.random.normal(jax.random.key(1), (2, 32, 32, 3))
    variables = jax.jit(lambda key: init_variables(deeper, key, (32, 32), 3))(jax.random.key(0))
    dropped = {
        collection: {name: leaf for name, leaf in tree.items() if name != "layer2_1"}
        for collection, tree in variables.items()
    }
    assert "layer2_1" in variables["params"]
    logits = jax.jit(deeper.apply)(variables, images)
    assert jnp.array_equal(logits, jax.jit(shallow.apply)(dropped, images))


def test_cifar_shortcut_subsamples_and_pads_with_zero_channels():
    def conv(*args, **kwargs):
        return Conv(*args, kernel_init=lambda key, shape, dtype: jnp.zeros(shape, dtype), **kwargs)

    def norm(**kwargs):
        return BatchNorm(use_running_average=True, **kwargs)

    block = CifarBlock(features=8, stride=2, conv=conv, norm=norm)
    x = jnp.abs(jax.random.normal(jax.random.key(0), (1, 4, 4, 4)))
    y, _ = block.init_with_output(jax.random.key(0), x)
    assert jnp.array_equal(y[..., 2:6], x[:, ::2, ::2])
    assert not y[..., :2].any()
    assert not y[..., 6:].any()


@pytest.mark.parametrize(
    ("name", "cardinality", "width"),
    [
        ("resnet50", 1, 64),
        ("resnext50_32x4d", 32, 4),
        ("resnext101_32x8d", 32, 8),
        ("wide_resnet50_2", 1, 128),
    ],
)
def test_each_group_is_as_wide_as_the_name_says_and_doubles_stage_by_stage(
    name, cardinality, width
):
    model = create_model(name)
    params = jax.eval_shape(lambda: init_variables(model, jax.random.key(0), (32, 32), 3))["params"]
    for i in range(4):
        kernel = params[f"layer{i + 1}_0"]["conv2"]["kernel"]
        assert kernel.shape == (3, 3, width * 2**i, cardinality * width * 2**i)
