"""The gradients in one layout are XLA's to the last bit, and stay convolutions of it in a loop."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxcnn.ops.conv import Sliding, canonical, conv_general_dilated, xla
from tests.ops.conv.cases import LOWERINGS, arguments, random, value_and_gradients


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("padding", [((0, 0), (0, 0)), ((1, 0), (2, 3))])
@pytest.mark.parametrize(
    ("strides", "dilation"), [((1, 1), (1, 1)), ((2, 1), (1, 2)), ((3, 2), (2, 1))]
)
def test_gradients_are_xlas_to_the_last_bit(strides, dilation, padding, groups, dtype):
    window = Sliding(strides, padding, dilation, groups)
    x, w = random(0, (3, 13, 12, 6), dtype), random(1, (3, 2, 6 // groups, 4), dtype)
    g = random(2, (len(x), *window.output_size(x.shape[1:3], w.shape[:2]), 4), dtype)
    pairs: list[Any] = [(canonical.input_grad, xla.input_grad, x.shape, g, w)]
    if groups == 1:
        pairs.append((canonical.weight_grad, xla.weight_grad, w.shape, x, g))
    for ours, plain, shape, *arrays in pairs:
        got, want = (
            jax.jit(f, static_argnums=(0, 1))(window, shape, *arrays) for f in (ours, plain)
        )
        assert got.dtype == want.dtype == dtype
        np.testing.assert_array_equal(np.asarray(got), np.asarray(want))


@pytest.mark.parametrize("name", LOWERINGS)
def test_in_a_loop_every_convolution_is_in_the_layout_that_xla_is_fast_in(name):
    x, w, how = arguments(name)

    def body(_, arrays):
        x, w = arrays
        _, dx, dw = value_and_gradients(conv_general_dilated, x, w, how)
        return dx, dw

    loop = jax.jit(lambda count, x, w: lax.fori_loop(0, count, body, (x, w)))
    text = str(loop.lower(np.int32(3), x, w).compile().as_text())
    assert " while(" in text
    assert set(re.findall(r"dim_labels=(\S+?)[,\s]", text)) <= {"b01f_01io->b01f"}
