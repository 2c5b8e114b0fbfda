import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.explain import occlusion
from tests.explain.networks import Bright, Convolution, spot, variables_and_images


def test_it_is_what_the_probability_loses_square_by_square():
    model = Convolution()
    variables, images = variables_and_images(model)
    classes = [3, 1]
    found = occlusion(model, variables, images, jnp.array(classes), size=3, stride=2)
    assert found.shape == (2, 3, 2)

    @jax.jit
    def probability(image, k):
        return jax.nn.softmax(model.apply(variables, image[None]))[0, k]

    for n, k in enumerate(classes):
        for i in range(3):
            for j in range(2):
                covered = images[n].at[2 * i : 2 * i + 3, 2 * j : 2 * j + 3].set(0.0)
                expected = probability(images[n], k) - probability(covered, k)
                np.testing.assert_allclose(found[n, i, j], expected, rtol=1e-4, atol=1e-6)


def test_it_is_highest_where_the_evidence_is():
    """The bright spots are a whole square each, at row 6 and the columns 0 and 9."""
    found = occlusion(Bright(), {}, spot(), jnp.array([1, 1]), size=3, stride=3)
    assert found.shape == (2, 4, 4)
    assert np.argwhere(found > 0.1).tolist() == [[0, 2, 0], [1, 2, 3]]


@pytest.mark.parametrize(
    ("size", "stride", "message"),
    [
        (13, 1, "a square of 13 pixels does not fit images of 12x12; give 1 to 12"),
        (0, 1, "a square of 0 pixels"),
        (3, 0, "stride=0 is out of range"),
    ],
)
def test_a_square_that_cannot_go_over_the_image_is_refused(size, stride, message):
    with pytest.raises(UserError, match=message):
        occlusion(Bright(), {}, spot(), jnp.array([1, 1]), size, stride)
