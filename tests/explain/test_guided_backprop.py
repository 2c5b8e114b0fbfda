from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxcnn.errors import UserError
from jaxcnn.explain import guided_backprop
from jaxcnn.models import create_model
from jaxcnn.models.spec import init_variables
from tests.explain.networks import Bright


class Two(nn.Module):
    """Class 0: relu(a x) - relu(b x) + 5 relu6(c x), of one number x, by two layers."""

    weights: tuple[float, float, float]

    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        x = images.reshape(-1, 1)
        a, b, c = self.weights
        return nn.relu(a * x) - nn.relu(b * x) + 5 * nn.relu6(c * x)


def at(x, weights):
    explain = jax.jit(partial(guided_backprop, Two(weights), {}))
    return explain(np.full((1, 1, 1, 1), x, np.float32), np.array([0])).item()


def test_a_relu_lets_back_what_is_positive_where_it_let_something_pass():
    assert at(1.0, (2.0, 3.0, 0.0)) == 2.0  # -3 of the second is left out.
    assert at(-1.0, (2.0, 3.0, 0.0)) == 0.0
    assert at(1.0, (-2.0, 3.0, 1.0)) == 5.0
    assert at(7.0, (0.0, 3.0, 1.0)) == 0.0  # relu6 is at its ceiling.


def test_values_come_from_positive_gradients_alone():
    """By the layers' weights: what is traced back by the ReLU's own rule has the negative too."""
    model = create_model("mlp", num_classes=3)
    shapes = jax.eval_shape(lambda key: init_variables(model, key, (4, 4), 1), jax.random.key(0))
    rng = np.random.default_rng(0)
    variables = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype("float32"), shapes)
    images = rng.normal(size=(2, 4, 4, 1)).astype("float32")
    params = variables["params"]
    *hidden, head = [params[name] for name in (*sorted(params.keys() - {"head"}), "head")]
    x, before = images.reshape(2, -1), []
    for layer in hidden:
        before.append(x @ layer["kernel"] + layer["bias"])
        x = np.maximum(before[-1], 0)
    back = np.tile(head["kernel"][:, 1], (2, 1))
    assert (back < 0).any()
    for layer, inputs in zip(hidden[::-1], before[::-1], strict=True):
        back = np.where(inputs > 0, np.maximum(back, 0), 0) @ layer["kernel"].T
    found = jax.jit(partial(guided_backprop, model))(variables, images, np.array([1, 1]))
    np.testing.assert_allclose(found.reshape(2, -1), back, rtol=1e-4, atol=1e-4)


class Smooth(Bright):
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        return nn.silu(images).sum((1, 2, 3))[:, None]


class Looped(Bright):
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        return jax.lax.map(nn.relu, images).sum((1, 2, 3))[:, None] + nn.relu(images[:, 0, 0])


@pytest.mark.parametrize(
    ("model", "message"),
    [(Smooth(), "ReLUs, and Smooth has none"), (Looped(), "1 of Looped's 2 ReLUs are inside")],
)
def test_a_model_whose_relus_are_not_found_is_refused(model, message):
    with pytest.raises(UserError, match=message):
        guided_backprop(model, {}, np.ones((1, 2, 2, 1), np.float32), np.array([0]))


def test_the_relus_of_a_residual_network_are_found_recomputed_too():
    """A ReLU whose gradient is the usual one would let negative values into the first layer."""
    model = create_model("resnet20", num_classes=3, blocks_per_stage=1, remat=True)
    variables = jax.eval_shape(lambda key: init_variables(model, key, (8, 8), 3), jax.random.key(0))
    images = jax.ShapeDtypeStruct((1, 8, 8, 3), jnp.float32)
    traced = jax.make_jaxpr(partial(guided_backprop, model))(
        variables, images, jax.ShapeDtypeStruct((1,), jnp.int32)
    )
    assert "name=relu\n" not in str(traced)
