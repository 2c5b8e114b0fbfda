import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.explain import integrated_gradients
from tests.explain.networks import Bright, Convolution, spot, variables_and_images


@pytest.mark.parametrize("baseline", [0.0, "image"])
def test_attributions_add_up_to_the_difference_of_the_logits(baseline):
    """Completeness, the paper's proposition 1."""
    model = Convolution()
    variables, images = variables_and_images(model)
    start = 0.5 - images[:1, ::-1] if baseline == "image" else baseline
    classes = jnp.array([3, 1])
    found = integrated_gradients(model, variables, images, classes, baseline=start)
    assert found.shape == images.shape
    both = model.apply(variables, images), model.apply(variables, jnp.zeros_like(images) + start)
    expected = [after[k] - before[k] for after, before, k in zip(*both, classes, strict=True)]
    assert max(map(abs, expected)) > 0.05
    np.testing.assert_allclose(found.sum((1, 2, 3)), expected, rtol=1e-4, atol=1e-6)


def test_a_pixel_that_is_the_baselines_has_no_part():
    model = Convolution()
    variables, images = variables_and_images(model)
    images = images.at[:, 2:4].set(0.5)
    found = integrated_gradients(model, variables, images, jnp.array([0, 0]), baseline=0.5)
    assert not found[:, 2:4].any() and found[:, :2].any()


def test_of_a_product_each_factor_has_half():
    """F(x, y) = x y from (0, 0): the integral of a path on which both grow alike."""

    class Product(Bright):
        def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
            return images.prod((1, 2, 3))[:, None]

    image = jnp.array([3.0, 4.0]).reshape(1, 1, 2, 1)
    found = integrated_gradients(Product(), {}, image, jnp.array([0]), steps=1)
    np.testing.assert_allclose(found.ravel(), [6.0, 6.0])


def test_it_is_high_where_the_evidence_is_and_zero_elsewhere():
    images = spot()
    found = integrated_gradients(Bright(), {}, images, jnp.array([1, 1]))
    np.testing.assert_allclose(found, images, rtol=1e-5)


def test_less_than_one_step_is_refused():
    with pytest.raises(UserError, match="steps=0 is out of range; it must be above 0"):
        integrated_gradients(Bright(), {}, spot(), jnp.array([1, 1]), steps=0)
