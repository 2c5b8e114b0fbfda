"""Few labelled examples of each class, drawn several times."""

from collections.abc import Iterator

import numpy as np

from jaxcnn.errors import UserError


def few_of_each(
    labels: np.ndarray, shots: int, draws: int, class_names: tuple[str, ...] = (), seed: int = 0
) -> Iterator[np.ndarray]:
    """Of each draw the indices of `shots` examples of each class that `labels` (int [N]) has.

    A draw is the same each time. Raises UserError where a class has fewer.
    """
    of_class = {int(k): np.flatnonzero(labels == k) for k in np.unique(labels)}
    for k, indices in of_class.items():
        if len(indices) < shots:
            name = class_names[k] if class_names else f"class {k}"
            raise UserError(
                f"{name} has {len(indices)} training images, fewer than {shots} shots; give at most"
                f" {min(map(len, of_class.values()))}"
            )
    for draw in range(draws):
        rng = np.random.default_rng((seed, shots, draw))
        drawn = [rng.choice(each, shots, replace=False) for each in of_class.values()]
        yield np.sort(np.concatenate(drawn))
