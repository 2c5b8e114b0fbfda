"""XLA's own convolution: the two gradients are those of autodiff."""

import jax
import pytest

from jaxcnn.ops.conv import Sliding, xla
from tests.ops.conv.cases import assert_close, random


@pytest.mark.parametrize(("strides", "dilation"), [((1, 1), (1, 1)), ((2, 3), (2, 1))])
@pytest.mark.parametrize("groups", [1, 2])
def test_gradients_are_those_of_the_convolution(strides, dilation, groups):
    window = Sliding(strides, ((1, 0), (2, 1)), dilation, groups)
    x, w = random(0, (2, 7, 6, 4)), random(1, (3, 2, 4 // groups, 6))
    y, pullback = jax.vjp(lambda x, w: xla.forward(window, x, w), x, w)
    assert y.shape == (2, *window.output_size((7, 6), (3, 2)), 6)
    g = random(2, y.shape)
    dx, dw = pullback(g)
    assert_close(xla.input_grad(window, x.shape, g, w), dx)
    assert_close(xla.weight_grad(window, w.shape, x, g), dw)
