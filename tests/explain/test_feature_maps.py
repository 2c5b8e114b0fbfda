import jax
import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.explain.feature_maps import feature_maps
from jaxcnn.models.tools.features import features
from tests.explain.networks import Convolution, variables_and_images


def test_each_channel_has_its_place_in_the_grid():
    model = Convolution()
    variables, images = variables_and_images(model)
    stages = jax.jit(lambda images: features(model, variables, images))(images)
    values = np.asarray(stages["stage1"].values)  # [2, 4, 3, 5]
    found = jax.jit(lambda images: feature_maps(model, variables, images, "stage1", 2))(images)
    assert found.shape == (2, 3 * 5 - 1, 2 * 4 - 1, 1)
    fourth = values[1, ..., 3]
    np.testing.assert_allclose(
        found[1, 5:9, 4:, 0], 0.5 + 0.5 * fourth / np.abs(fourth).max(), rtol=1e-5
    )


def test_features_are_no_maps():
    model = Convolution()
    variables, images = variables_and_images(model)
    with pytest.raises(UserError, match="no map 'pooled'"):
        feature_maps(model, variables, images, "pooled")
