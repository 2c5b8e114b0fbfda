"""Which lowering a CPU takes."""

import pytest

from jaxcnn.ops.conv import Sliding, cpu
from tests.ops.conv.cases import LOWERINGS, arguments


def fastest(x, w, groups=1, strides=(1, 1), padding=1):
    return cpu.fastest(Sliding(strides, ((padding, padding),) * 2, groups=groups), x, w)


def test_the_cases_that_other_tests_take_have_every_lowering():
    found = set()
    for name in LOWERINGS:
        x, w, how = arguments(name)
        padding = 0 if how["padding"] == "VALID" else 1
        found.add(
            fastest(x.shape, w.shape, how["feature_group_count"], how["window_strides"], padding)
        )
    assert found == {value for value in vars(cpu).values() if isinstance(value, cpu.Lowering)}


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "wanted"),
    [
        pytest.param((1, 32, 32, 16), (3, 3, 16, 16), cpu.PATCHES, id="few channels"),
        pytest.param((1, 32, 32, 32), (5, 5, 32, 16), cpu.PATCHES, id="5x5"),
        pytest.param((1, 32, 32, 33), (3, 3, 33, 16), cpu.CANONICAL, id="many channels"),
        pytest.param((1, 32, 32, 2), (3, 3, 2, 16), cpu.CANONICAL, id="two channels"),
        pytest.param((1, 32, 32, 3), (7, 7, 3, 16), cpu.CANONICAL, id="a large kernel"),
        pytest.param((1, 10, 10, 16), (3, 3, 16, 16), cpu.CANONICAL, id="few positions"),
        pytest.param((1, 8, 8, 16), (1, 1, 16, 16), cpu.CANONICAL, id="1x1 with padding"),
    ],
)
def test_a_dense_kernels_gradient_is_of_patches_where_those_are_few_and_positions_many(
    x_shape, w_shape, wanted
):
    assert fastest(x_shape, w_shape) == wanted


def test_padding_keeps_a_kernel_as_large_as_the_input_from_being_one_product():
    assert fastest((1, 7, 7, 40), (7, 7, 40, 9), padding=0) == cpu.WHOLE
    assert fastest((1, 7, 7, 40), (7, 7, 40, 9), padding=1) == cpu.CANONICAL


@pytest.mark.parametrize(
    ("n", "channels", "features", "kernel", "wanted"),
    [
        pytest.param(32, 8, 16, 5, cpu.BATCH_MINOR, id="few"),
        pytest.param(31, 8, 16, 5, cpu.CANONICAL, id="few examples"),
        pytest.param(32, 9, 16, 5, cpu.CANONICAL, id="many channels"),
        pytest.param(32, 8, 17, 5, cpu.CANONICAL, id="many features"),
        pytest.param(32, 8, 16, 3, cpu.CANONICAL, id="a small kernel"),
    ],
)
def test_the_batch_is_innermost_where_maps_are_few_and_examples_many(
    n, channels, features, kernel, wanted
):
    assert fastest((n, 9, 9, channels), (kernel, kernel, channels, features)) == wanted
