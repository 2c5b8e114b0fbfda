import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcnn.explain import grad_cam_plus_plus
from tests.explain.networks import Bright, Convolution, Rectified, spot, variables_and_images


def test_below_a_linear_head_it_is_its_closed_form():
    """There g = w / Z everywhere, so that a map of mean F has the weight relu(w) / (2 + w F)."""
    model = Rectified()
    variables, images = variables_and_images(model)
    classes = np.array([0, 1])

    @jax.jit
    def explained(variables, images):
        tapped = model.apply(variables, images, mutable=["stages"])[1]
        return tapped["stages"]["stage1"][0], grad_cam_plus_plus(model, variables, images, classes)

    maps, found = map(np.asarray, explained(variables, images))
    kernel = np.asarray(variables["params"]["Dense_0"]["kernel"]).T[classes]  # [N, 4]
    assert (kernel > 0).any(1).all()
    weights = np.maximum(kernel, 0) / (2 + kernel * maps.mean((1, 2)))
    np.testing.assert_allclose(found, np.einsum("nhwk,nk->nhw", maps, weights), rtol=1e-5)


def test_it_is_equations_7_and_19_where_the_gradient_differs_from_place_to_place():
    """Of the stem, a nonlinear stage below the head; place by place, for the score exp(S), with
    each equation as it stands."""
    model = Convolution()
    variables, images = variables_and_images(model)
    params = variables["params"]

    def rest(maps):
        x = jnp.tanh(nn.Conv(5, (2, 2), 2).apply({"params": params["Conv_1"]}, maps))
        return nn.Dense(4).apply({"params": params["Dense_0"]}, x.mean((1, 2)))[0, 3]

    @jax.jit
    def explained(images):
        maps = jnp.tanh(nn.Conv(3, (3, 3)).apply({"params": params["Conv_0"]}, images[:1]))
        found = grad_cam_plus_plus(model, variables, images, jnp.array([3, 3]), "stem")
        return maps[0], jax.grad(rest)(maps)[0], jnp.exp(rest(maps)), found[0]

    maps, slope, score, found = (np.asarray(x, np.float64) for x in explained(images))
    total = np.zeros(maps.shape[:2])
    for k in range(3):
        g, a = slope[..., k], maps[..., k]
        alpha = score * g**2 / (2 * score * g**2 + (a * score * g**3).sum())
        total += (alpha * np.maximum(score * g, 0)).sum() * a
    assert total.max() > 0
    np.testing.assert_allclose(score * found, np.maximum(total, 0), rtol=1e-3, atol=1e-5)


def test_a_map_that_speaks_against_the_class_has_no_weight():
    explain = jax.jit(lambda classes: grad_cam_plus_plus(Bright(), {}, spot(), classes))
    assert not explain(jnp.array([0, 0])).any()
    np.testing.assert_array_equal(explain(jnp.array([1, 1])) > 0, spot()[..., 0] > 0)
