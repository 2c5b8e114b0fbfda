import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import log_loss

from jaxcnn.losses import cross_entropy

LOGITS = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
LABELS = np.array([0, 1, 2, 3, 0, 1])
TARGETS = jnp.eye(4)[LABELS]


def test_cross_entropy_is_the_log_loss_of_each_example():
    probabilities = np.exp(LOGITS) / np.exp(LOGITS).sum(-1, keepdims=True)
    losses = cross_entropy()(jnp.asarray(LOGITS), TARGETS)
    assert losses.shape == (6,)
    assert float(losses.mean()) == pytest.approx(log_loss(LABELS, probabilities), rel=1e-5)


def test_smoothing_spreads_its_share_evenly_over_all_classes():
    logits = jnp.asarray(LOGITS)
    even = cross_entropy()(logits, jnp.full((6, 4), 0.25))
    expected = 0.9 * cross_entropy()(logits, TARGETS) + 0.1 * even
    np.testing.assert_allclose(cross_entropy(0.1)(logits, TARGETS), expected, rtol=1e-5)
