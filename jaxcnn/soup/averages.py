"""Averages of weights: of all, and of those that validation chooses.

Wortsman et al., 2022, Model soups, https://arxiv.org/abs/2203.05482, section 2.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from jaxcnn.models.spec import Variables


def mean_of(networks: Sequence[Variables]) -> Variables:
    """The mean of each array, batch statistics too, added up in double precision."""

    def mean(*arrays: Any) -> np.ndarray:
        total = np.zeros(arrays[0].shape, np.float64)
        for array in arrays:
            total += np.asarray(array)
        return (total / len(arrays)).astype(np.asarray(arrays[0]).dtype)

    return jax.tree.map(mean, *networks)


def greedy(
    networks: Sequence[Variables],
    figures: Sequence[float],
    measure: Callable[[Variables], float],
) -> list[int]:
    """Which of the networks the greedy soup has, in the order in which they came in.

    The best comes first, the others by their figures, and each stays if the average with it is no
    worse than without it (algorithm 1).

    Args:
        networks: weights of one architecture.
        figures: of each in validation, higher being better.
        measure: the same of an average.
    """
    order = sorted(range(len(networks)), key=lambda i: -figures[i])
    members, best = [order[0]], figures[order[0]]
    for candidate in order[1:]:
        found = measure(mean_of([networks[i] for i in (*members, candidate)]))
        if found >= best:
            members.append(candidate)
            best = found
    return members
