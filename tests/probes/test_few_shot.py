import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.probes.few_shot import few_of_each

LABELS = np.random.default_rng(0).permutation(np.repeat([0, 2, 5], [6, 9, 30]))


def test_each_class_comes_as_often_and_no_example_twice():
    draws = list(few_of_each(LABELS, 4, draws=3))
    assert len(draws) == 3
    for indices in draws:
        assert np.unique(LABELS[indices], return_counts=True)[1].tolist() == [4, 4, 4]
        assert len(np.unique(indices)) == 12
    assert not np.array_equal(draws[0], draws[1])
    again = list(few_of_each(LABELS, 4, draws=3))
    assert all(np.array_equal(*pair) for pair in zip(draws, again, strict=True))


def test_a_class_with_fewer_is_named_with_what_would_do():
    names = ("ant", "bee", "cat", "dog", "elk", "fox")
    with pytest.raises(UserError, match="ant has 6 training images, fewer than 7 shots.*most 6"):
        list(few_of_each(LABELS, 7, draws=1, class_names=names))
