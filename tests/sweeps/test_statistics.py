import math
import statistics

import pytest
from scipy import stats

from jaxcnn.errors import UserError
from jaxcnn.sweeps import Estimate, compared, estimate, holm

BASE = (0.91, 0.95, 0.93, 0.92)
BETTER = (0.92, 0.955, 0.95, 0.925)
OTHER = (0.90, 0.96, 0.92, 0.93)


def runs_of(values, seeds=range(10)):
    return [
        {"arch": "linear", "seed": seed, "test": {"top1": value}}
        for seed, value in zip(seeds, values, strict=False)
    ]


def test_differences_are_paired_by_seed_as_scipy_pairs_them():
    found = compared({"base": runs_of(BASE), "better": runs_of(BETTER)}, "base", "test", "top1")
    paired = stats.ttest_rel(BETTER, BASE)
    low, high = paired.confidence_interval(0.95)
    (comparison,) = found.values()
    difference = comparison.difference
    # By hand: 0.010, 0.005, 0.020, 0.005.
    assert difference.mean == pytest.approx(0.01)
    assert difference.std == pytest.approx(math.sqrt(0.00015 / 3))
    assert difference.mean - difference.interval95 == pytest.approx(low)
    assert difference.mean + difference.interval95 == pytest.approx(high)
    assert comparison.p_value == pytest.approx(paired.pvalue)


def test_the_order_of_the_runs_is_not_what_pairs_them():
    turned = list(reversed(runs_of(BETTER)))
    found = compared({"base": runs_of(BASE), "better": turned}, "base", "test", "top1")
    assert statistics.fmean(found["better"].difference.values) == pytest.approx(0.01)
    assert max(found["better"].difference.values) == pytest.approx(0.02)
    with pytest.raises(ValueError, match="not the same seeds"):
        compared({"a": runs_of(BASE), "b": runs_of(BASE, [7, 8, 9, 6])}, "a", "test", "top1")


def test_several_comparisons_are_corrected_together():
    runs = {"base": runs_of(BASE), "better": runs_of(BETTER), "other": runs_of(OTHER)}
    found = compared(runs, "base", "test", "top1")
    raw = [stats.ttest_rel(values, BASE).pvalue for values in (BETTER, OTHER)]
    assert [c.p_value for c in found.values()] == pytest.approx(holm(raw))


@pytest.mark.parametrize("values", [BASE, tuple(value + 0.01 for value in BASE)])
def test_a_difference_that_does_not_vary_has_no_p_value_and_counts_as_compared(values):
    runs = {"base": runs_of(BASE), "same": runs_of(values), "better": runs_of(BETTER)}
    found = compared(runs, "base", "test", "top1")
    assert found["same"].p_value is None
    assert found["better"].p_value == pytest.approx(2 * stats.ttest_rel(BETTER, BASE).pvalue)


def test_one_seed_has_a_difference_and_no_more():
    found = compared({"a": runs_of([0.5]), "b": runs_of([0.75])}, "a", "test", "top1")
    assert found["b"].difference.values == (0.25,) and found["b"].p_value is None
    assert "inf" not in str(Estimate((0.5,)))


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_a_figure_that_is_not_finite_is_refused_by_its_seed(value):
    with pytest.raises(UserError, match="linear, seed 1, is not finite"):
        estimate(runs_of([0.5, value]), "test", "top1")


def test_folds_are_paired_and_their_interval_counts_that_they_share_images():
    """Nadeau and Bengio's variance: (1 / n + test size / training size) of the sample's."""
    figures = [0.90, 0.92, 0.91, 0.95, 0.93]
    of_folds = [
        {"arch": "mlp", "seed": 0, "fold": f"{k}/5", "val": {"top1": figure}}
        for k, figure in enumerate(figures, start=1)
    ]
    found = estimate(of_folds, "val", "top1")
    t = 2.7764451051977987  # 0.975 of 4 degrees of freedom
    assert found.interval95 == pytest.approx(t * found.std * (1 / 5 + 1 / 4) ** 0.5)
    better = [
        {**run, "val": {"top1": run["val"]["top1"] + gain}}
        for run, gain in zip(reversed(of_folds), (0.01, 0.02, 0.03, 0.02, 0.01), strict=True)
    ]
    comparison = compared({"a": of_folds, "b": better}, "a", "val", "top1")["b"]
    assert comparison.difference.mean == pytest.approx(0.018)
    naive = stats.ttest_1samp(comparison.difference.values, 0.0)
    assert comparison.p_value is not None and comparison.p_value > naive.pvalue
