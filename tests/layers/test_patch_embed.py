import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.layers.patch_embed import PatchEmbed


def test_each_position_is_a_dense_layer_of_its_own_patch():
    images = jax.random.normal(jax.random.key(0), (2, 6, 9, 3))
    module = PatchEmbed(features=4, patch=3)
    variables = module.init(jax.random.key(1), images)
    kernel = variables["params"]["proj"]["kernel"]
    y = module.apply(variables, images)
    assert y.shape == (2, 2, 3, 4)
    patch = images[1, 3:6, 6:9].ravel()
    np.testing.assert_allclose(y[1, 1, 2], patch @ kernel.reshape(-1, 4), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(6, 8), (7, 9), (2, 3)])
def test_what_is_not_whole_patches_is_refused(size):
    module = PatchEmbed(features=4, patch=3)
    message = f"multiples of 3; got {size[0]}x{size[1]}"
    with pytest.raises(UserError, match=message):
        jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, *size, 3)))
