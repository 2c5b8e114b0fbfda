"""Features on a plane: which images a network takes for alike.

t-SNE: van der Maaten & Hinton, 2008, https://jmlr.org/papers/v9/vandermaaten08a.html. Only whom a
point has beside it says something, not how far clusters are from each other nor how large they
are: Wattenberg et al., 2016, https://doi.org/10.23915/distill.00002.
"""

from typing import Any

import numpy as np

from jaxcnn.errors import UserError

PERPLEXITY = 30.0  # Neighbours that count, scikit-learn's default.
LEAST_POINTS = 4


def tsne(features: Any, perplexity: float | None = None, seed: int = 0) -> np.ndarray:
    """A place on the plane for each of the features [N, C]: float32 [N, 2], by scikit-learn.

    Starts from the principal components, so that one seed gives one picture.

    Args:
        features: such as `jaxcnn.features(...)["pooled"].values`, of several batches together.
        perplexity: about how many neighbours count, above 0 and below N; if not given 30, or a
            third of the points where they are fewer than 91.
        seed: of what scikit-learn draws.

    Raises UserError for features of another rank, less than 4 of them, or a perplexity they are too
    few for.
    """
    features = np.asarray(features, np.float32)
    if features.ndim != 2 or len(features) < LEAST_POINTS:
        raise UserError(
            f"features are [N, C] with N of at least {LEAST_POINTS}; got {features.shape}"
        )
    number = len(features)
    perplexity = min(PERPLEXITY, (number - 1) / 3) if perplexity is None else perplexity
    if not 0 < perplexity < number:
        raise UserError(f"perplexity={perplexity} is not above 0 and below the {number} features")
    # A second to import, for nothing else here.
    from sklearn.manifold import TSNE

    return TSNE(2, perplexity=perplexity, random_state=seed).fit_transform(features)
