import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.metrics import log_loss

from jaxcnn.task.losses import binary_cross_entropy, cross_entropy, sigmoid_cross_entropy

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


WEIGHTS = np.array([0.5, 1.0, 2.0, 4.0])


def test_class_weights_multiply_the_loss_of_each_label():
    plain = cross_entropy()(jnp.asarray(LOGITS), TARGETS)
    weighted = cross_entropy(0.0, WEIGHTS)(jnp.asarray(LOGITS), TARGETS)
    np.testing.assert_allclose(weighted, plain * WEIGHTS[LABELS], rtol=1e-5)


def test_equal_weights_change_nothing():
    even = cross_entropy(0.1, np.ones(4))(jnp.asarray(LOGITS), TARGETS)
    plain = cross_entropy(0.1)(jnp.asarray(LOGITS), TARGETS)
    np.testing.assert_allclose(even, plain, rtol=1e-6)


def test_sigmoid_cross_entropy_is_the_sum_of_each_classes_own_log_loss():
    shown = np.array([[0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 1, 0], [1, 0, 0, 1]] * 2)[:6]
    probabilities = 1 / (1 + np.exp(-LOGITS))
    losses = sigmoid_cross_entropy()(jnp.asarray(LOGITS), jnp.asarray(shown))
    assert losses.shape == (6,)
    by_class = [log_loss(shown[:, k], probabilities[:, k], labels=[0, 1]) for k in range(4)]
    assert float(losses.mean()) == pytest.approx(sum(by_class), rel=1e-5)


def test_smoothing_moves_each_yes_and_no_by_half():
    logits, targets = jnp.asarray(LOGITS), jnp.asarray(TARGETS)
    expected = sigmoid_cross_entropy()(logits, jnp.where(targets == 1, 0.95, 0.05))
    np.testing.assert_allclose(sigmoid_cross_entropy(0.1)(logits, targets), expected, rtol=1e-5)


def test_binary_cross_entropy_takes_every_label_above_the_threshold_for_a_full_yes():
    logits = jnp.array([[2.0, -1.0, 0.5, 0.0]])
    mixture, both = jnp.array([[0.7, 0.3, 0.0, 0.0]]), jnp.array([[1.0, 1.0, 0.0, 0.0]])
    thresholded = binary_cross_entropy(threshold=0.2)
    expected = optax.sigmoid_binary_cross_entropy(logits, both).mean(-1)
    assert jnp.allclose(thresholded(logits, mixture), expected)
    # A fifth or less is too little to be seen.
    small, one = jnp.array([[0.85, 0.15, 0.0, 0.0]]), jnp.array([[1.0, 0.0, 0.0, 0.0]])
    assert jnp.allclose(thresholded(logits, small), thresholded(logits, one))
    # Smoothing comes first, so that the threshold takes it away again.
    assert jnp.allclose(binary_cross_entropy(0.1, 0.2)(logits, one), thresholded(logits, one))
