import numpy as np
import pytest
from sklearn.metrics import auc, average_precision_score, roc_auc_score

from jaxcnn.metrics import precision_over_recall, roc


@pytest.mark.parametrize("n", [5, 150, 20_000])
def test_thinned_curves_have_their_ends_and_about_the_same_area(n):
    rng = np.random.default_rng(n)
    positive = rng.random(n) < 0.2
    positive[:2] = True, False
    scores = rng.normal(size=n) + 2 * positive
    found = roc(positive, scores)
    assert len(found.x) == len(found.y) <= 200
    assert (found.x[0], found.y[0], found.x[-1], found.y[-1]) == (0, 0, 1, 1)
    assert auc(found.x, found.y) == pytest.approx(roc_auc_score(positive, scores), abs=0.01)
    found = precision_over_recall(positive, scores)
    assert len(found.x) == len(found.y) <= 200
    assert (found.x[0], found.x[-1], found.y[-1]) == (1, 0, 1)
    average = -np.sum(np.diff(found.x) * found.y[:-1])
    expected = average_precision_score(positive, scores)
    assert average == pytest.approx(expected, abs=1e-12 if n < 10 else 0.02)
    assert all(isinstance(value, float) for value in found.to_json()["y"])


def test_what_has_no_curve_is_none_and_no_score_crashes():
    scores = np.array([1, np.nan, np.inf, -np.inf], np.float32)
    none, every = np.zeros(4, bool), np.ones(4, bool)
    assert roc(none, scores) is None and roc(every, scores) is None
    assert precision_over_recall(none, scores) is None
    assert precision_over_recall(every, scores).y.min() == 1
    # What is no number is last, with the lowest: both that show the class are.
    last = roc(np.array([False, True, False, True]), scores)
    assert (last.x.tolist(), last.y.tolist()) == ([0, 0.5, 1, 1], [0, 0, 0, 1])
