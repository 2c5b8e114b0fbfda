import numpy as np
import pytest

from jaxcnn.probes import nearest as module
from jaxcnn.probes.nearest import nearest, nearest_pixels, neighbours_for


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
        votes = votes / np.exp(cosine.max() / 0.07) + 1 / 3
        assert shares == pytest.approx(votes / votes.sum(), rel=1e-3)


def test_of_pixels_the_nearest_by_distance_have_a_vote_each():
    rng = np.random.default_rng(0)
    images, queries = (rng.integers(256, size=(n, 3, 4, 1), dtype=np.uint8) for n in (30, 7))
    labels = rng.integers(3, size=30)
    found = np.exp(nearest_pixels(images, labels, queries, 3, k=5))
    for query, shares in zip(queries.astype(float), found, strict=True):
        distance = ((images - query) ** 2).sum((1, 2, 3))
        votes = np.bincount(labels[np.argsort(distance)[:5]], minlength=3) + 1 / 3
        assert shares == pytest.approx(votes / 6, rel=1e-5)


def test_length_does_not_count_and_fewer_than_k_all_vote():
    known = np.array([[1.0, 0.0], [0.0, 100.0]])
    found = nearest(known, np.array([1, 0]), np.array([[5.0, 0.1]]), 2, k=20)
    assert found.argmax() == 1 and np.isfinite(found).all()


@pytest.mark.parametrize(("of_each", "k"), [(1, 1), (5, 5), (20, 20), (300, 20)])
def test_no_more_vote_than_there_are_of_a_class(of_each, k):
    assert neighbours_for(np.repeat(np.arange(7), of_each)) == k
