"""What methods say of an image, compiled; that is what their own tests find uncompiled."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn import explain
from jaxcnn.explain.faithfulness import deletion
from tests.explain.networks import Rectified, variables_and_images

MAPS = jax.random.uniform(jax.random.key(5), (2, 8, 6))


def deleted(model, variables, images, classes):
    """By each image's own map, told by its first pixel."""
    own = jnp.where(images[:, :1, :1, 0] == IMAGES[0, 0, 0, 0], MAPS[0], MAPS[1])
    return deletion(model, variables, images, classes, own, steps=3, square=2).probabilities


MODEL = Rectified()
VARIABLES, IMAGES = variables_and_images(MODEL)
METHODS = {
    "grad_cam_plus_plus": explain.grad_cam_plus_plus,
    "score_cam": explain.score_cam,
    "smooth_grad": partial(explain.smooth_grad, key=jax.random.key(0), samples=2),
    "guided_backprop": explain.guided_backprop,
    "deletion": deleted,
}


@jax.jit
def all_methods(images, classes):
    """In one program, which compiles sooner than one each."""
    return {name: method(MODEL, VARIABLES, images, classes) for name, method in METHODS.items()}


def test_what_is_said_of_an_image_does_not_depend_on_the_others_of_its_batch():
    classes = jnp.array([0, 1])
    together = all_methods(IMAGES, classes)
    for i in range(2):
        alone = all_methods(IMAGES[i : i + 1], classes[i : i + 1])
        for name, found in together.items():
            assert np.ptp(found[i]) > 0
            np.testing.assert_allclose(alone[name][0], found[i], 1e-4, 1e-6, err_msg=name)
