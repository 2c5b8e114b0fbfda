import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.explain.embedding import tsne


@pytest.mark.slow  # Its thousand steps.
def test_features_that_are_alike_come_to_lie_together():
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1], 10)
    features = 20.0 * groups[:, None] + rng.normal(size=(20, 8))
    places = tsne(features)
    assert places.shape == (20, 2)
    distances = np.linalg.norm(places[:, None] - places, axis=-1)
    np.fill_diagonal(distances, np.inf)
    assert (groups[distances.argmin(1)] == groups).all()


@pytest.mark.parametrize(
    ("shape", "perplexity", "message"),
    [
        ((3, 2), None, "N of at least 4"),
        ((8, 2, 2), None, "N of at least 4; got"),
        ((8, 2), 8, "perplexity=8 is not above 0 and below the 8"),
    ],
)
def test_what_has_no_plane_is_refused(shape, perplexity, message):
    with pytest.raises(UserError, match=message):
        tsne(np.zeros(shape), perplexity)
