from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.explain import smooth_grad
from tests.explain.networks import Bright, Convolution, variables_and_images

KEY = jax.random.key(3)


def test_without_noise_it_is_the_gradient():
    model = Convolution()
    variables, images = variables_and_images(model)
    classes = jnp.array([3, 1])

    def score(images):
        return model.apply(variables, images)[jnp.arange(2), classes].sum()

    @jax.jit
    def both(images):
        smooth = smooth_grad(model, variables, images, classes, KEY, noise=0.0, samples=3)
        return smooth, jax.grad(score)(images)

    np.testing.assert_allclose(*both(images), rtol=1e-5, atol=1e-8)


class Squares(Bright):
    """Class 0's logit is the sum of the pixels' fourth powers."""

    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        return (images**4).sum((1, 2, 3))[:, None]


@partial(jax.jit, static_argnames="samples")
def of_squares(images, key, samples):
    return smooth_grad(Squares(), {}, images, jnp.array([0]), key, noise=0.5, samples=samples)


def test_the_gradient_is_smoothed_by_noise_of_a_share_of_the_images_range():
    """E[4 (x + s e)^3] = 4 x^3 + 12 x s^2, with s a half of the range of 0 to 2."""
    images = np.zeros((1, 100, 100, 1), np.float32)
    images[:, :50] = 2.0
    found = np.asarray(of_squares(images, KEY, samples=40))
    assert found[:, :50].mean() == pytest.approx(4 * 8 + 12 * 2, rel=0.01)
    assert abs(found[:, 50:].mean()) < 0.5


def test_the_key_decides_what_is_drawn():
    image = np.array([0.0, 1.0], np.float32).reshape(1, 1, 2, 1)
    found = np.asarray(of_squares(image, KEY, samples=1))
    np.testing.assert_array_equal(found, of_squares(image, KEY, samples=1))
    assert (found != of_squares(image, jax.random.key(4), samples=1)).all()


@pytest.mark.parametrize(
    ("given", "message"), [({"samples": 0}, "samples=0 is out"), ({"noise": -0.1}, "noise=-0.1 is")]
)
def test_what_cannot_be_drawn_is_refused(given, message):
    with pytest.raises(UserError, match=message):
        smooth_grad(Bright(), {}, jnp.zeros((1, 8, 8, 1)), jnp.array([0]), KEY, **given)
