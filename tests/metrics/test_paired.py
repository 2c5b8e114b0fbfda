import numpy as np
import pytest
from scipy import stats

from jaxcnn.metrics import mcnemar, mean_difference


def models(both, only_a, only_b, neither):
    right_a = np.repeat([True, True, False, False], [both, only_a, only_b, neither])
    right_b = np.repeat([True, False, True, False], [both, only_a, only_b, neither])
    return right_a, right_b


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"),
    [
        (1, 9, 22 / 1024),  # 2 (1 + 10) / 2^10.
        (5, 0, 2 / 32),
        (4, 4, 1.0),
        (0, 0, 1.0),
    ],
)
def test_mcnemars_test_is_that_of_a_coin(only_a, only_b, p):
    """Images for which both are right, or both wrong, say nothing."""
    assert mcnemar(*models(50, only_a, only_b, 7)) == pytest.approx(p)
    assert mcnemar(*models(0, only_b, only_a, 0)) == pytest.approx(p)


def test_differences_are_drawn_in_pairs():
    rng = np.random.default_rng(0)
    hard = rng.exponential(5, size=400)
    a, b = hard + rng.normal(0.1, 0.3, 400), hard
    difference, (low, high) = mean_difference(a, b)
    paired = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert difference == pytest.approx((a - b).mean())
    assert (low, high) == pytest.approx((paired.low, paired.high), abs=0.01)
    right = models(50, 9, 1, 7)
    assert mean_difference(*right)[0] == pytest.approx(8 / 67)
    assert mean_difference(a[:1], b[:1])[1] is None
