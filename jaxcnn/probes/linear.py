"""A linear probe: logistic regression on standardised features."""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

# Inverse strengths of the L2 penalty, a factor of ten apart: from what hardly moves off the mean to
# what separates all that can be.
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
MOST_ITERATIONS = 1000


@dataclass(frozen=True)
class LinearProbe:
    """Fitted, with the strength that was chosen: scikit-learn's `C`."""

    C: float
    num_classes: int
    scaler: StandardScaler
    fitted: LogisticRegression

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Log-probabilities float32 [N, K] of features [N, C]; the lowest of unseen classes."""
        scaled = np.asarray(self.scaler.transform(features))
        return _logits(self.fitted, scaled, self.num_classes)


def fit_linear(
    features: np.ndarray,
    labels: np.ndarray,
    val_features: np.ndarray,
    val_labels: np.ndarray,
    num_classes: int,
    *,
    scaler: StandardScaler | None = None,
) -> LinearProbe:
    """The probe of the strength with the best validation top-1, of equals with the least loss.

    Args:
        features: float [N, C], to fit.
        labels: int [N], of two classes at least.
        val_features: float [M, C], to choose by.
        val_labels: int [M].
        num_classes: K.
        scaler: fitted to more images, where those to fit are too few to tell how features vary;
            to these if not given.
    """
    scaler = scaler or StandardScaler().fit(features)
    scaled, val_scaled = (np.asarray(scaler.transform(each)) for each in (features, val_features))
    best: tuple[tuple[float, float], LinearProbe] | None = None
    for strength in STRENGTHS:
        fitted = _fitted(scaled, labels, strength)
        logits = _logits(fitted, val_scaled, num_classes)
        right = float((logits.argmax(-1) == val_labels).mean())
        loss = -float(logits[np.arange(len(val_labels)), val_labels].mean())
        if best is None or (right, -loss) > best[0]:
            best = (right, -loss), LinearProbe(strength, num_classes, scaler, fitted)
    assert best is not None, "strengths"
    return best[1]


def _fitted(scaled: np.ndarray, labels: np.ndarray, strength: float) -> LogisticRegression:
    with warnings.catch_warnings():
        # Validation chooses among what is there, be it at its minimum or close to it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, max_iter=MOST_ITERATIONS).fit(scaled, labels)


def _logits(fitted: LogisticRegression, scaled: np.ndarray, num_classes: int) -> np.ndarray:
    probabilities = np.zeros((len(scaled), num_classes))
    probabilities[:, fitted.classes_] = fitted.predict_proba(scaled)
    return log_of(probabilities)


def log_of(probabilities: np.ndarray) -> np.ndarray:
    """float32, finite: of 0 the logarithm of the least float32."""
    return np.log(np.maximum(probabilities, np.finfo(np.float32).tiny)).astype(np.float32)
