import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from jaxcnn.probes.linear import STRENGTHS, fit_linear


def clusters(rng, number, spread=1.0):
    """Three classes, told apart by the first two of six features of very different scales."""
    labels = rng.integers(3, size=number)
    features = rng.normal(size=(number, 6))
    features[:, :2] += spread * np.array([[0, 3], [3, 0], [-3, -3]])[labels]
    return (features * [1, 1e3, 1, 1, 1e4, 1]).astype(np.float32), labels


def test_it_is_scikit_learns_regression_of_the_strength_that_validates_best():
    rng = np.random.default_rng(0)
    (x, y), (val_x, val_y) = clusters(rng, 60, 0.4), clusters(rng, 80, 0.4)
    probe = fit_linear(x, y, val_x, val_y, num_classes=5)
    scaler = StandardScaler().fit(x)
    scores, fits = {}, {}
    for strength in STRENGTHS:
        fits[strength] = LogisticRegression(C=strength, max_iter=1000).fit(scaler.transform(x), y)
        scores[strength] = fits[strength].score(scaler.transform(val_x), val_y)
    assert scores[probe.C] == max(scores.values()) > min(scores.values())
    logits = probe.logits(val_x)
    expected = fits[probe.C].predict_log_proba(scaler.transform(val_x))
    assert logits[:, :3] == pytest.approx(expected, abs=1e-5)
    # Of classes that it never saw it is as sure as can be, in a finite number.
    assert np.isfinite(logits).all() and (logits[:, 3:] < -80).all()


def test_a_scaler_of_more_images_is_taken():
    """By the few alone the last feature, which they happen to have alike, would be enormous."""
    rng = np.random.default_rng(1)
    (x, y), (test_x, test_y) = clusters(rng, 300, 2), clusters(rng, 200, 2)
    few = x[[np.flatnonzero(y == k)[0] for k in range(3)]]
    few[:, 5] *= 1e-4

    def score(scaler):
        probe = fit_linear(few, np.arange(3), x, y, 3, scaler=scaler)
        return (probe.logits(test_x).argmax(-1) == test_y).mean()

    assert score(StandardScaler().fit(x)) > score(None) + 0.2
