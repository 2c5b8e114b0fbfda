"""Products of patches equal XLA's gradient to the kernel, in as many parts as they come."""

import pytest

from jaxcnn.ops.conv import Sliding, patches
from tests.ops.conv.cases import assert_equals_xla, random


@pytest.mark.parametrize("patches_bytes", [1, 2**15, 2**30])
def test_parts_of_any_size_equal_xla(monkeypatch, patches_bytes):
    """One example at a time, two, and all."""
    monkeypatch.setattr(patches, "_PATCHES_BYTES", patches_bytes)
    window = Sliding((1, 1), ((1, 0), (2, 1)))
    x, w = random(0, (6, 12, 11, 8)), random(1, (3, 3, 8, 4))
    assert_equals_xla((None, None, patches.weight_grad), window, x, w)


@pytest.mark.parametrize(
    ("strides", "dilation"), [((1, 2), (2, 1)), ((2, 1), (1, 3)), ((3, 2), (2, 2))]
)
def test_strides_and_dilations_equal_xla(strides, dilation):
    window = Sliding(strides, ((1, 0), (2, 1)), dilation)
    x, w = random(0, (3, 13, 15, 3)), random(1, (3, 5, 3, 4))
    assert_equals_xla((None, None, patches.weight_grad), window, x, w)
