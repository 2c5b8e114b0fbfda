import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import spearmanr

from jaxcnn.errors import UserError
from jaxcnn.explain import grad_cam
from jaxcnn.explain.randomised_weights import (
    from_the_head_down,
    randomisation_correlations,
    randomised,
    rank_correlation,
)
from jaxcnn.models.spec import LayerOrder, init_variables
from tests.explain.networks import Convolution, variables_and_images

KEY = jax.random.key(7)
MODEL = Convolution()
VARIABLES, IMAGES = jax.device_get(variables_and_images(MODEL))
CASCADE = [["Dense_0"], ["Conv_1"], ["Conv_0"]]


def test_networks_that_are_the_same_have_maps_that_are():
    explain = jax.jit(lambda v: grad_cam(MODEL, v, IMAGES, jnp.array([3, 1])))
    nothing: list[str] = []
    found = randomisation_correlations(explain, MODEL, VARIABLES, KEY, IMAGES, [nothing, *CASCADE])
    assert found.shape == (4, 2)
    np.testing.assert_allclose(found[0], np.ones(2), rtol=1e-5)
    assert (found[1:] < 0.99).all()


def test_a_map_of_the_image_alone_stays_and_one_of_the_weights_does_not():
    def edges(variables):
        return np.abs(IMAGES).sum(-1)

    found = randomisation_correlations(edges, MODEL, VARIABLES, KEY, IMAGES)
    np.testing.assert_allclose(found, np.ones((1, 2)), rtol=1e-5)

    def by_a_kernel(variables):
        kernel = np.asarray(variables["params"]["Conv_1"]["kernel"])  # [2, 2, 3, 5]
        return np.broadcast_to(kernel.ravel()[:48].reshape(8, 6), (2, 8, 6))

    learned = randomisation_correlations(by_a_kernel, MODEL, VARIABLES, KEY, IMAGES)
    assert abs(learned).max() < 0.4


def test_a_cascade_randomises_from_the_head_down_and_keeps_the_rest():
    layers = LayerOrder("Conv_0", r"Conv_(\d+)")
    assert from_the_head_down(layers, VARIABLES) == CASCADE
    seen = []

    def explain(variables):
        seen.append(variables["params"])
        return IMAGES[..., 0]

    randomisation_correlations(explain, MODEL, VARIABLES, KEY, IMAGES, CASCADE)
    fresh = init_variables(MODEL, KEY, (8, 6), 2)["params"]
    for step, params in enumerate(seen):
        new = {name for row in CASCADE[:step] for name in row}
        for name, leaves in params.items():
            source = fresh if name in new else VARIABLES["params"]
            jax.tree.map(np.testing.assert_array_equal, leaves, source[name])
    assert len(seen) == 4


def test_the_rank_correlation_is_spearmans_with_ties():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 4, size=(2, 3, 5, 5))
    other = other + one
    expected = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(rank_correlation(one, other), expected, 1e-5)
    assert np.isnan(rank_correlation(np.zeros_like(one), one)).all()


def test_a_module_that_is_not_there_is_refused():
    with pytest.raises(UserError, match="no module 'Conv_9'; there are Conv_0, Conv_1, Dense_0"):
        randomised(MODEL, VARIABLES, KEY, IMAGES, ["Conv_9"])
