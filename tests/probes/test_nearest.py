import numpy as np
import pytest

from jaxcnn.probes import nearest as module
from jaxcnn.probes.nearest import nearest, neighbours_for


def test_votes_are_those_of_the_formula(monkeypatch):
    """exp(cosine / 0.07) of each of the k nearest, one by one, whatever is held at a time."""
    rng = np.random.default_rng(0)
    known, queries = rng.normal(size=(30, 4)), rng.normal(size=(7, 4))
    labels = rng.integers(3, size=30)
    monkeypatch.setattr(module, "MOST_AT_A_TIME", 60)
    found = np.exp(nearest(known, labels, queries, 3, k=5))
    for query, shares in zip(queries, found, strict=True):
        cosine = known @ query / np.linalg.norm(known, axis=-1) / np.linalg.norm(query)
        votes = np.zeros(3)
        for index in np.argsort(-cosine)[:5]:
            votes[labels[index]] += np.exp(cosine[index] / 0.07)
        assert shares == pytest.approx(votes / votes.sum(), rel=1e-3, abs=1e-30)


def test_length_does_not_count_and_fewer_than_k_all_vote():
    known = np.array([[1.0, 0.0], [0.0, 100.0]])
    found = nearest(known, np.array([1, 0]), np.array([[5.0, 0.1]]), 2, k=20)
    assert found.argmax() == 1 and np.isfinite(found).all()


@pytest.mark.parametrize(("of_each", "k"), [(1, 1), (5, 5), (20, 20), (300, 20)])
def test_no_more_vote_than_there_are_of_a_class(of_each, k):
    assert neighbours_for(np.repeat(np.arange(7), of_each)) == k
