import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from jaxcnn.models import create_model, model_spec
from jaxcnn.models.airbench import WHITENING_EPSILON, Whitening, partial_identity
from jaxcnn.models.hidden_matrices import hidden_matrices
from jaxcnn.models.spec import init_variables
from tests.models.kinds import KEY


@pytest.fixture(scope="module")
def stats():
    shapes = jax.eval_shape(
        lambda key: init_variables(create_model("airbench94", num_classes=10), key, (32, 32), 3),
        KEY,
    )
    return shapes["batch_stats"]


def patches_of(stats, images):
    """What the first layer makes of images: [patches, 24]."""
    variables = {
        "params": {"bias": jnp.zeros(24)},
        "batch_stats": {"kernel": stats["whiten"]["kernel"]},
    }
    return np.asarray(Whitening().apply(variables, images)).reshape(-1, 24)


def test_patches_of_the_images_come_out_uncorrelated_and_of_length_one(stats):
    noise = np.random.default_rng(0).normal(size=(50, 12, 10, 3)).astype(np.float32)
    images = noise.cumsum(1).cumsum(2)  # Neighbours are alike, as in photographs.
    whitened = patches_of(model_spec("airbench94").stats_of_images(stats, images), images)
    covariance = whitened.T @ whitened / len(whitened)
    shares = np.diag(covariance)[:12]
    # Short only where the images vary as little as what is added.
    assert (shares <= 1.001).all() and (shares > 1 / (1 + WHITENING_EPSILON / 1e-4)).all()
    np.testing.assert_allclose(covariance[:12, :12], np.diag(shares), atol=2e-3)
    np.testing.assert_array_equal(whitened[:, 12:], -whitened[:, :12])


def test_the_other_statistics_stay_and_the_first_layer_is_not_trained(stats):
    images = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)
    begun = model_spec("airbench94").stats_of_images(stats, images)
    assert {name: begun[name] for name in begun if name != "whiten"} == {
        name: stats[name] for name in stats if name != "whiten"
    }
    variables = Whitening().init(KEY, images)
    assert list(variables["params"]) == ["bias"]
    _, updated = Whitening().apply(variables, images, mutable=["batch_stats"])
    np.testing.assert_array_equal(
        updated["batch_stats"]["kernel"], variables["batch_stats"]["kernel"]
    )


def test_the_first_outputs_of_a_convolution_are_its_inputs():
    kernel = partial_identity(KEY, (3, 3, 4, 6))
    images = jax.random.normal(KEY, (2, 5, 5, 4))
    out = nn.Conv(6, (3, 3), use_bias=False).apply({"params": {"kernel": kernel}}, images)
    np.testing.assert_allclose(out[..., :4], images, rtol=1e-6)
    assert jnp.abs(kernel[..., 4:]).max() <= 1 / (9 * 4) ** 0.5
    assert optax.tree.norm(partial_identity(KEY, (3, 3, 6, 4))) == pytest.approx(2.0)


def test_muon_moves_its_six_convolutions():
    matrices = hidden_matrices(
        lambda number: create_model("airbench94", num_classes=number), 10, (32, 32), 3
    )
    names = {f"group{i}_conv{j}" for i in (1, 2, 3) for j in (1, 2)}
    assert {path[0] for path in matrices} == names
