from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxcnn.errors import UserError
from jaxcnn.explain.faithfulness import blurred, deletion, insertion, ranks


class Weighed(nn.Module):
    """The class's score is a sum of pixels, each by a weight of its own."""

    weights: tuple[float, ...]

    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        return (images.reshape(len(images), -1) @ jnp.array(self.weights))[:, None]


WEIGHTS = (0.1, 0.4, 0.3, 0.2)
IMAGES = np.ones((1, 2, 2, 1), np.float32)


@partial(jax.jit, static_argnums=(0, 3))
def both(model, images, maps, steps):
    about = model, {}, images, jnp.array([0]), maps, steps
    return [check(*about, probabilities=lambda scores: scores) for check in (deletion, insertion)]


def test_deletion_of_a_linear_model_goes_down_weight_by_weight():
    best = np.array(WEIGHTS, np.float32).reshape(1, 2, 2)
    found, _ = both(Weighed(WEIGHTS), IMAGES, best, 4)
    np.testing.assert_allclose(found.probabilities[0], [1.0, 0.6, 0.3, 0.1, 0.0], atol=1e-6)
    assert found.area.item() == pytest.approx((0.5 + 0.6 + 0.3 + 0.1) / 4)
    worst, _ = both(Weighed(WEIGHTS), IMAGES, -best, 4)
    np.testing.assert_allclose(worst.probabilities[0], [1.0, 0.9, 0.7, 0.4, 0.0], atol=1e-6)


def test_insertion_goes_up_from_the_blurred_image_in_the_order_of_the_map():
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(1, 4, 4, 1)).astype("float32")
    weights = rng.uniform(size=(4, 4)).astype("float32")
    start = np.asarray(jax.jit(blurred)(images))[0, ..., 0]
    gains = (images[0, ..., 0] - start) * weights
    model = Weighed(tuple(weights.ravel().tolist()))
    _, found = both(model, images, gains[None], 16)
    up = np.concatenate([[0.0], np.cumsum(np.sort(gains.ravel())[::-1])])
    np.testing.assert_allclose(found.probabilities[0], (start * weights).sum() + up, rtol=1e-4)
    whole = (images[0, ..., 0] * weights).sum()
    assert found.probabilities[0, -1] == pytest.approx(whole, rel=1e-4)


def test_probabilities_are_the_softmax_if_nothing_else_is_said():
    class Two(Weighed):
        def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
            return jnp.concatenate([super().__call__(images), jnp.zeros((len(images), 1))], 1)

    about = Two(WEIGHTS), {}, IMAGES, jnp.array([0]), np.zeros((1, 2, 2))
    found = jax.jit(lambda: deletion(*about, steps=1))()
    expected = [1 / (1 + np.exp(-1.0)), 0.5]
    np.testing.assert_allclose(found.probabilities[0], expected, rtol=1e-6)


def test_pixels_of_a_square_go_together_by_its_mean_at_the_edge_too():
    """Of 3x5 pixels the squares of 2 are 2x3, those on the right and below cut off."""
    maps = np.zeros((1, 3, 5), np.float32)
    maps[0, 2, 4], maps[0, 0, 0], maps[0, 0, 2] = 3.0, 8.0, 4.0
    found = jax.jit(ranks, static_argnums=1)(maps, 2)
    assert found[0].tolist() == [[1, 1, 2, 2, 3], [1, 1, 2, 2, 3], [4, 4, 5, 5, 0]]


def test_the_blur_keeps_an_even_image_and_the_mean_of_what_lies_inside():
    spot = np.zeros((1, 40, 40, 2), np.float32)
    spot[0, 20, 20, 0], spot[..., 1] = 1.0, 3.0
    found, even = np.moveaxis(jax.jit(blurred)(spot)[0], -1, 0)
    np.testing.assert_allclose(even, 3.0, rtol=1e-6)
    place = np.arange(40) - 20
    assert found.sum() == pytest.approx(1.0, rel=1e-4)
    assert (found.sum(1) * place**2).sum() == pytest.approx(2.0**2, rel=1e-3)  # 40 / 20, squared


@pytest.mark.parametrize(
    ("maps", "given", "message"),
    [
        (np.zeros((1, 2, 3)), {}, "maps are .N, H, W., here"),
        (np.zeros((1, 2, 2)), {"steps": 0}, "steps=0, square=1 are out of range"),
        (np.zeros((1, 2, 2)), {"square": 0}, "square=0 are out of range"),
    ],
)
def test_what_has_no_curve_is_refused(maps, given, message):
    with pytest.raises(UserError, match=message):
        deletion(Weighed(WEIGHTS), {}, IMAGES, jnp.array([0]), maps, **given)
