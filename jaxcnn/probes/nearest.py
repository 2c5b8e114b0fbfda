"""The nearest neighbours, weighted by how near they are.

As DINO evaluates features (Caron et al., 2021, section 4.1 and appendix F.1,
https://arxiv.org/abs/2104.14294), after Wu et al., 2018, section 3.4,
https://arxiv.org/abs/1805.01978.
"""

import numpy as np
from sklearn.neighbors import NearestNeighbors

NEIGHBOURS, TEMPERATURE = 20, 0.07
# Similarities that are held at a time, whatever the number of examples.
MOST_AT_A_TIME = 2**24


def neighbours_for(labels: np.ndarray) -> int:
    """20, or as many as there are examples of a class on average where these are fewer.

    More would have to be of other classes.
    """
    return int(np.clip(len(labels) // len(np.unique(labels)), 1, NEIGHBOURS))


def nearest(
    features: np.ndarray,
    labels: np.ndarray,
    queries: np.ndarray,
    num_classes: int,
    *,
    k: int,
    temperature: float = TEMPERATURE,
) -> np.ndarray:
    """Logarithms of each class's share of the votes, float32 [M, K]; see `log_shares`.

    Each of the `k` nearest by cosine similarity s votes for its class with exp(s / temperature),
    in units of the nearest one's vote.

    Args:
        features: float [N, C], whose labels are known.
        labels: int [N].
        queries: float [M, C].
        num_classes: K.
        k: neighbours that vote; at most N do.
        temperature: the lower, the more the nearest count.
    """
    known = _of_length_1(features)
    k = min(k, len(known))
    rows = max(1, MOST_AT_A_TIME // len(known))
    found = []
    for start in range(0, len(queries), rows):
        similar = _of_length_1(queries[start : start + rows]) @ known.T
        near = np.argpartition(-similar, k - 1, axis=-1)[:, :k]
        of_near = np.take_along_axis(similar, near, axis=-1)
        weights = np.exp((of_near - of_near.max(-1, keepdims=True)) / temperature)
        votes = np.zeros((len(near), num_classes))
        np.add.at(votes, (np.arange(len(near))[:, None], labels[near]), weights)
        found.append(log_shares(votes))
    return np.concatenate(found)


def nearest_pixels(
    images: np.ndarray, labels: np.ndarray, queries: np.ndarray, num_classes: int, *, k: int
) -> np.ndarray:
    """The same of pixels, as is usual: by Euclidean distance, each of the `k` with one vote.

    Args:
        images: uint8 [N, H, W, C].
        labels: int [N].
        queries: uint8 [M, H, W, C].
        num_classes: K.
        k: neighbours that vote; at most N do.
    """
    known, asked = (each.reshape(len(each), -1).astype(np.float32) for each in (images, queries))
    search = NearestNeighbors(n_neighbors=min(k, len(known)), algorithm="brute").fit(known)
    near = search.kneighbors(asked, return_distance=False)
    votes = np.zeros((len(asked), num_classes))
    np.add.at(votes, (np.arange(len(asked))[:, None], labels[near]), 1.0)
    return log_shares(votes)


def log_shares(votes: np.ndarray) -> np.ndarray:
    """Logarithms of what share of the votes [M, K] each class has, float32.

    One more vote is divided among all classes, so that what nobody voted for is not impossible.
    """
    more = votes + 1 / votes.shape[-1]
    return np.log(more / more.sum(-1, keepdims=True)).astype(np.float32)


def _of_length_1(features: np.ndarray) -> np.ndarray:
    features = features.astype(np.float32)
    lengths = np.linalg.norm(features, axis=-1, keepdims=True)
    return features / np.maximum(lengths, np.finfo(np.float32).tiny)
