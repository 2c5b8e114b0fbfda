"""Stages of growing images: which size comes at which step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcnn.data.augment.progressive import Stages, growing


def test_sizes_grow_evenly_and_in_between_in_sixteens_or_those_of_thumbnails_in_fours():
    assert growing(128, 300, 4) == (128, 192, 240, 300)
    assert growing(160, 224, 2) == (160, 224)
    assert growing(30, 32, 4) == (30, 32)
    assert growing(16, 32, 4) == (16, 20, 28, 32)
    assert growing(128, 224, 1) == (224,)
    assert growing(224, 224, 4) == (224,)


@given(st.integers(1, 400), st.integers(0, 400), st.integers(1, 9))
def test_sizes_rise_to_the_last_from_the_first(first, more, number):
    sizes = growing(first, first + more, number)
    assert sizes[-1] == first + more
    assert list(sizes) == sorted(set(sizes)) and len(sizes) <= number
    assert number == 1 or sizes[0] == first


@pytest.mark.parametrize("total", [3, 4, 5, 11, 12, 1000])
def test_stages_are_of_equal_length_to_the_step(total):
    stages = Stages((8, 16, 24), total)
    parts = list(stages.between(0, total))
    assert [size for size, _, _ in parts] == [8, 16, 24]
    assert [parts[0][1], parts[-1][2]] == [0, total]
    lengths = [stop - start for _, start, stop in parts]
    assert max(lengths) - min(lengths) <= 1


@given(st.integers(1, 60), st.integers(1, 4), st.data())
def test_the_size_of_a_step_does_not_depend_on_where_one_begins(total, number, data):
    stages = Stages(tuple(range(8, 8 + number)), total)
    start = data.draw(st.integers(0, total - 1))
    stop = data.draw(st.integers(start, total + 5))
    parts = list(stages.between(start, stop))
    steps = [(step, size) for size, first, last in parts for step in range(first, last)]
    assert steps == [(step, stages.size_at(step)) for step in range(start, stop)]
