import pytest

from jaxcnn.ops.chunks import largest_divisor


@pytest.mark.parametrize(
    ("n", "limit", "found"), [(12, 5, 4), (12, 12, 12), (12, 100, 12), (13, 12, 1), (7, 0, 1)]
)
def test_parts_are_equal_and_within_the_limit_if_that_can_be(n, limit, found):
    assert largest_divisor(n, limit) == found
