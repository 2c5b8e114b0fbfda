import numpy as np
import pytest

from jaxcnn.metrics import bootstrap_of_confusion, confusion_matrix, worst_pairs
from jaxcnn.metrics.confusion import STATISTICS, counts_of, matthews


def predictions(n=60, classes=4):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, n)
    return labels, np.where(rng.random(n) < 0.7, labels, rng.integers(0, classes, n))


def test_drawing_cells_is_drawing_examples():
    labels, predicted = predictions()
    found = bootstrap_of_confusion(confusion_matrix(labels, predicted, 4), STATISTICS, 4000)
    rng = np.random.default_rng(1)
    draws = [rng.integers(len(labels), size=len(labels)) for _ in range(500)]
    counts = [counts_of(confusion_matrix(labels[i], predicted[i], 4)) for i in draws]
    assert found.keys() == STATISTICS.keys()
    for name, figure in STATISTICS.items():
        drawn = np.quantile([figure(each) for each in counts], [0.025, 0.975])
        assert found[name] == pytest.approx(drawn, abs=0.035), name


def test_draws_are_the_same_by_seed_and_whether_the_matrix_is_sparse(monkeypatch):
    confusion = confusion_matrix(*predictions(), 4)
    dense = bootstrap_of_confusion(confusion.toarray(), STATISTICS)
    assert dense == bootstrap_of_confusion(confusion, STATISTICS)
    assert dense != bootstrap_of_confusion(confusion, STATISTICS, seed=1)
    monkeypatch.setattr("jaxcnn.metrics.confusion.MOST_AT_A_TIME", 100)
    assert dense == bootstrap_of_confusion(confusion, STATISTICS)


def test_fewer_than_two_images_and_undefined_figures_have_no_interval():
    assert bootstrap_of_confusion(np.diag([1, 0, 0]), STATISTICS) == dict.fromkeys(STATISTICS)
    alike = bootstrap_of_confusion(np.diag([5, 0, 0]), STATISTICS)
    assert alike["kappa"] is None and alike["macro_f1"] == (1.0, 1.0)


def test_worst_pairs_are_the_largest_cells_beside_the_diagonal():
    confusion = np.array([[90, 10, 0], [3, 5, 2], [0, 7, 0]])
    found = worst_pairs(confusion, 3)
    assert [(p.true, p.predicted, p.count) for p in found] == [(0, 1, 10), (2, 1, 7), (1, 0, 3)]
    assert [p.share for p in found] == pytest.approx([0.1, 1.0, 0.3])
    assert len(worst_pairs(confusion, 9)) == 4 and worst_pairs(np.diag([1, 2]), 5) == ()


def test_counts_of_many_images_do_not_overflow():
    million = np.array([[900_000, 100_000], [100_000, 900_000]])
    assert matthews(counts_of(million)) == pytest.approx(0.8)
    low, high = bootstrap_of_confusion(million, STATISTICS)["mcc"]
    assert low < 0.8 < high and high - low < 0.01
