import numpy as np
import pytest
from scipy import stats

from jaxcnn.metrics import bootstrap_of_mean, newcombe, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_is_the_published_one(successes, n, low, high):
    """Newcombe, 1998, "Two-sided confidence intervals for the single proportion", table I."""
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((10, 10, 0, 10), 0.6075, 1.0000),
    ],
)
def test_newcombes_interval_is_the_published_one(counts, low, high):
    """Newcombe, 1998, "Interval estimation for the difference", table II, method 10."""
    assert newcombe(*counts) == pytest.approx((low, high), abs=5e-5)


def test_no_images_have_no_interval():
    assert wilson(0, 0) is None and newcombe(1, 2, 0, 0) is None
    assert bootstrap_of_mean(np.array([])) is None and bootstrap_of_mean(np.array([1.0])) is None
    assert bootstrap_of_mean(np.array([1.0, np.inf])) is None


def test_intervals_hold_the_truth_about_95_times_of_100():
    low, high = np.array([wilson(k, 50) for k in range(51)]).T
    truth = np.linspace(0.05, 0.95, 91)[:, None]
    held = (stats.binom.pmf(range(51), 50, truth) * ((low < truth) & (truth < high))).sum(1)
    assert held.mean() == pytest.approx(0.95, abs=0.005) and held.min() > 0.9
    rng = np.random.default_rng(0)
    means = [bootstrap_of_mean(rng.exponential(size=100), seed) for seed in range(100)]
    assert 0.9 < np.mean([low < 1 < high for low, high in means]) < 0.98


def test_the_mean_of_many_has_students_interval_and_a_seed_gives_the_same_again():
    values = np.random.default_rng(0).normal(size=5000)
    low, high = stats.t.interval(0.95, 4999, values.mean(), stats.sem(values))
    found = bootstrap_of_mean(values, seed=1)
    assert found == pytest.approx((low, high), abs=0.1 * (high - low))
    assert found == bootstrap_of_mean(values, seed=1) != bootstrap_of_mean(values, seed=2)
