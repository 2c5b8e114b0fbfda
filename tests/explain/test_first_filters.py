import jax
import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.explain.first_filters import first_filters
from jaxcnn.models import create_model, model_spec
from jaxcnn.models.spec import init_variables
from tests.explain.networks import Bright


@pytest.mark.parametrize(
    ("name", "overrides", "path"),
    [
        ("resnet20", {"blocks_per_stage": 1}, ("params", "conv1")),
        ("vit_tiny_patch16_224", {"depth": 1}, ("params", "patch_embed", "proj")),
        ("airbench94", {}, ("batch_stats", "whiten")),
    ],
)
def test_they_are_those_that_see_the_image(name, overrides, path):
    model, channels = create_model(name, **overrides), model_spec(name).channels
    images = np.zeros((1, 32, 32, channels), np.float32)
    shapes = jax.eval_shape(
        lambda key: init_variables(model, key, (32, 32), channels), jax.random.key(0)
    )
    rng = np.random.default_rng(0)
    variables = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype("float32"), shapes)
    kernel = variables
    for key in path:
        kernel = kernel[key]
    kernel = kernel["kernel"]
    side = kernel.shape[0]
    found = first_filters(model, variables, images, columns=4)
    assert found.shape[1:] == (4 * (side + 1) - 1, channels)
    second = found[:side, side + 1 : 2 * side + 1]
    expected = 0.5 + 0.5 * kernel[..., 1] / np.abs(kernel[..., 1]).max()
    np.testing.assert_allclose(second, expected, rtol=1e-5, atol=1e-6)


def test_a_network_without_a_convolution_has_none():
    images = np.zeros((1, 12, 12, 1), np.float32)
    with pytest.raises(UserError, match="Bright has no first convolution"):
        first_filters(Bright(), {}, images)
