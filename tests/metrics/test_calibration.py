import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

from jaxcnn.metrics import calibration, fit_temperature


def logits_of(*probabilities):
    return np.log(np.array(probabilities))


LOGITS = logits_of([0.9, 0.1], [0.1, 0.9], [0.61, 0.39], [0.38, 0.62])
LABELS = np.array([0, 0, 0, 1])


def test_calibration_is_that_by_hand():
    found = calibration(LABELS, LOGITS)
    # Bin 14, (13/15, 14/15]: 0.9 and half right. Bin 10, (9/15, 10/15]: 0.615 and all right.
    assert [(b.count, b.confidence, b.accuracy) for b in found.bins if b.count] == [
        (2, pytest.approx(0.615), 1.0),
        (2, pytest.approx(0.9), 0.5),
    ]
    assert found.ece == pytest.approx((0.385 + 0.4) / 2)
    assert found.mean_confidence == pytest.approx((0.9 + 0.9 + 0.61 + 0.62) / 4)
    squares = [2 * 0.1**2, 2 * 0.9**2, 2 * 0.39**2, 2 * 0.38**2]
    assert found.brier == pytest.approx(sum(squares) / 4)
    assert found.nll == pytest.approx(log_loss(LABELS, softmax(LOGITS, axis=1)))
    assert found.bins[9].low == pytest.approx(9 / 15) and found.bins[9].high == pytest.approx(
        10 / 15
    )
    assert found.bins[0].confidence is None and found.bins[0].accuracy is None


def test_a_confidence_on_an_edge_is_in_the_bin_below():
    (certain,) = (b for b in calibration(np.array([0]), np.array([[900.0, 0]])).bins if b.count)
    assert (certain.high, certain.confidence) == (1.0, 1.0)
    (at_an_edge,) = (b for b in calibration(np.array([0]), logits_of([0.2] * 5)).bins if b.count)
    assert at_an_edge.high == pytest.approx(0.2)


def true_to_its_word(n=4000, classes=5):
    """Labels drawn by the probabilities."""
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(n, classes)).astype(np.float32)
    drawn = rng.random((n, 1)) < softmax(logits.astype(float), axis=1).cumsum(1)
    return drawn.argmax(1), logits


def test_the_temperature_of_sharpened_logits_brings_them_back():
    labels, logits = true_to_its_word()
    assert calibration(labels, logits).ece < 0.03
    assert fit_temperature(labels, logits) == pytest.approx(1, abs=0.05)
    temperature = fit_temperature(labels, 3 * logits)
    assert temperature == pytest.approx(3 * fit_temperature(labels, logits), rel=1e-3)
    assert calibration(labels, 3 * logits).ece > 0.1
    assert calibration(labels, 3 * logits / temperature).ece < 0.03
    assert fit_temperature(labels, logits / 5) == pytest.approx(temperature / 15, rel=1e-3)


def test_no_other_temperature_has_less_loss():
    labels, logits = true_to_its_word(300)
    temperature = fit_temperature(labels, logits)
    losses = [calibration(labels, logits / (temperature * f)).nll for f in (0.99, 1, 1.01)]
    assert losses[1] == min(losses)


def test_several_right_classes_and_broken_images_have_a_temperature_too():
    labels, logits = true_to_its_word(300)
    one_hot = np.eye(5, dtype=np.uint8)[labels]
    assert fit_temperature(one_hot, logits) == pytest.approx(fit_temperature(labels, logits))
    broken = np.concatenate([logits, np.full((2, 5), np.nan, np.float32)])
    assert fit_temperature(np.append(labels, [0, 1]), broken) == fit_temperature(labels, logits)
    assert fit_temperature(labels[:2], broken[-2:]) == 1.0
    right = np.arange(5), np.eye(5, dtype=np.float32)  # The colder the better.
    assert 0.01 <= fit_temperature(*right) < 0.1
