import gc

import pytest

from jaxcnn.xla.garbage import garbage_collected_seldom


def test_garbage_is_collected_seldom_within_and_as_before_after_it_even_if_that_fails():
    before = gc.get_threshold()
    with pytest.raises(RuntimeError), garbage_collected_seldom():
        assert gc.get_threshold()[0] > 100 * before[0]
        raise RuntimeError
    assert gc.get_threshold() == before
