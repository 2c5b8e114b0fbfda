from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.explain import score_cam
from jaxcnn.layers.tap import tap
from tests.explain.networks import Bright, Convolution, spot, variables_and_images


def explain(model, images, classes):
    return jax.jit(partial(score_cam, model, {}))(images, jnp.array(classes))


@pytest.mark.parametrize("classes", [[1, 1], [0, 0]])
def test_a_network_of_one_map_is_explained_by_that_map(classes):
    """Its weight is the whole softmax, whatever the class."""
    found = explain(Bright(), spot(), classes)
    np.testing.assert_allclose(found, spot()[..., 0], rtol=1e-6)


def test_it_is_algorithm_1_map_by_map():
    model = Convolution()
    variables, images = variables_and_images(model)
    classes = [3, 1]

    def large(maps):
        return jax.image.resize(maps, (2, 8, 6, *maps.shape[3:]), "bilinear")

    @jax.jit
    def by_steps(images):
        _, tapped = model.apply(variables, images, mutable=["stages"])
        (maps,) = tapped["stages"]["stage1"]  # [2, 4, 3, 5]
        low, high = (of(large(maps), (1, 2), keepdims=True) for of in (jnp.min, jnp.max))
        masks = (large(maps) - low) / (high - low)
        scores = []
        for k in range(maps.shape[-1]):
            logits = model.apply(variables, images * masks[..., k : k + 1])
            scores.append(logits[jnp.arange(2), jnp.array(classes)])
        weights = jax.nn.softmax(jnp.stack(scores, -1))[:, None, None]
        return large(jnp.maximum((maps * weights).sum(-1), 0))

    found = jax.jit(partial(score_cam, model, stage="stage1"))(
        variables, images, jnp.array(classes)
    )
    np.testing.assert_allclose(found, by_steps(images), rtol=1e-4, atol=1e-6)


class Flat(Bright):
    """Beside the bright map, one that is the same everywhere: as bright as the brightest."""

    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        both = jnp.concatenate([images, jnp.ones_like(images)], -1)
        tap(self, "stage1", both)
        evidence = images.sum((1, 2, 3))
        return jnp.stack([-evidence, evidence], axis=1)


def test_a_map_without_contrast_has_no_weight():
    found = explain(Flat(), spot(), [1, 1])
    np.testing.assert_allclose(found, spot()[..., 0], rtol=1e-6)


def test_where_no_map_has_contrast_nothing_speaks_for_the_class():
    found = explain(Bright(), jnp.ones((1, 8, 8, 1)), [1])
    assert not found.any()
