import gc

import pytest

from jaxcnn.xla.garbage import garbage_collected_seldom


def test_garbage_is_collected_seldom_within_and_as_before_after_it_even_if_that_fails():
    before = gc.get_threshold()
    with pytest.raises(RuntimeError), garbage_collected_seldom():
        assert gc.get_threshold()[0] > 100 * before[0]
        raise RuntimeError
    assert gc.get_threshold() == before


def test_of_several_within_the_last_to_leave_sets_it_back():
    before = gc.get_threshold()
    first, second = garbage_collected_seldom(), garbage_collected_seldom()
    first.__enter__()
    seldom = gc.get_threshold()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold() == seldom != before
    second.__exit__(None, None, None)
    assert gc.get_threshold() == before
