"""Several comparisons made together."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected so that all of them together err as seldom as one would by itself.

    Whatever they have to do with each other: they may share a baseline. Holm, 1979, "A simple
    sequentially rejective multiple test procedure", https://www.jstor.org/stable/4615733.
    """
    corrected, largest = [0.0] * len(p_values), 0.0
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = largest
    return corrected
