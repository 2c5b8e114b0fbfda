import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.utils.class_weight import compute_class_weight

from jaxcnn.data.balance import (
    class_counts,
    effective_number_weights,
    imbalance_ratio,
    inverse_frequency_weights,
    normalized_entropy,
)

COUNTS = st.lists(st.integers(1, 5000), min_size=2, max_size=20).map(np.array)


def test_counts_have_a_place_for_classes_without_examples():
    assert class_counts(np.array([2, 0, 2]), 4).tolist() == [1, 0, 2, 0]


def test_imbalance_is_the_largest_class_over_the_smallest():
    assert imbalance_ratio(np.array([10, 40, 20])) == 4
    assert imbalance_ratio(np.array([10, 0])) == float("inf")


@settings(deadline=None)  # The first call imports.
@given(counts=COUNTS)
def test_entropy_is_that_of_the_classes_over_its_maximum(counts):
    expected = entropy(counts) / np.log(len(counts))
    assert normalized_entropy(counts) == pytest.approx(expected)


def test_entropy_is_1_for_even_classes_and_0_for_one():
    assert normalized_entropy(np.array([7, 7, 7])) == pytest.approx(1)
    assert normalized_entropy(np.array([0, 9, 0])) == 0


@settings(deadline=None)
@given(counts=COUNTS)
def test_inverse_frequency_weights_are_scikit_learns(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    expected = compute_class_weight("balanced", classes=np.arange(len(counts)), y=labels)
    np.testing.assert_allclose(inverse_frequency_weights(counts), expected)


@given(counts=COUNTS, beta=st.floats(0, 0.9999))
def test_effective_number_weights_are_in_the_papers_proportions(counts, beta):
    weights = effective_number_weights(counts, beta)
    papers = (1 - beta) / (1 - beta ** counts.astype(float))
    np.testing.assert_allclose(weights / weights.sum(), papers / papers.sum())
    assert (weights * counts).sum() / counts.sum() == pytest.approx(1)


def test_effective_numbers_lie_between_none_and_inverse_frequency():
    counts = np.array([10, 5000])
    ratio = {beta: np.divide(*effective_number_weights(counts, beta)) for beta in (0, 0.99, 0.9999)}
    assert ratio[0] == 1 < ratio[0.99] < ratio[0.9999] < 500


@pytest.mark.parametrize("weights", [inverse_frequency_weights, effective_number_weights])
def test_a_class_without_examples_weighs_nothing(weights):
    assert weights(np.array([5, 0, 20]))[1] == 0
    assert np.isfinite(weights(np.array([5, 0, 20]))).all()
