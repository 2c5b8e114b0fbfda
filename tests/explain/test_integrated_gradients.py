import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.explain import attributions, integrated_gradients
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


def waves(number):
    """A network whose logit goes up and down so often along the line to an image of ones."""

    class Waves(Bright):
        def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
            return (images + jnp.sin(2 * jnp.pi * number * images)).sum((1, 2, 3))[:, None]

    return Waves()


@pytest.mark.parametrize(("number", "steps"), [(1, 32), (25, 64)])
def test_so_many_steps_are_taken_that_little_is_missing_and_it_is_said_how_much(number, steps):
    model, classes = waves(number), jnp.array([0, 0])
    # The second image is near the baseline, and needs no more for the first one's sake.
    images = jnp.stack([jnp.full((2, 2, 1), 0.99), jnp.full((2, 2, 1), 0.01)])
    found = attributions(model, {}, images, classes)
    logits = (model(images) - model(jnp.zeros_like(images)))[:, 0]
    missing = jnp.abs(found.values.sum((1, 2, 3)) - logits) / jnp.abs(logits)
    np.testing.assert_allclose(found.gap, missing, atol=1e-6)
    assert (found.gap <= 0.02).all()
    assert found.steps.tolist() == [steps, 32]


def test_as_many_steps_as_asked_for_are_taken_whatever_is_missing():
    found = attributions(waves(25), {}, spot(), jnp.array([0, 0]), steps=8)
    assert found.steps.tolist() == [8, 8] and found.gap.max() > 0.02
