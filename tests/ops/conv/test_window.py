"""Windows over [N, H, W, C]: what is read from where, and sent back there."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.ops.conv import Sliding, pad_spatial, read_offset, scatter_offsets
from jaxcnn.ops.conv.xla import forward
from tests.ops.conv.cases import random

SMALL = st.integers(1, 3)
PAIRS = st.tuples(SMALL, SMALL)
PADS = st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2)


@st.composite
def windows(draw):
    """(window, kernel, size of an input that it fits)."""
    window = Sliding(draw(PAIRS), draw(PADS), draw(PAIRS))
    kernel = draw(PAIRS)
    size = tuple(
        draw(st.integers((k - 1) * d + 1, 9)) for k, d in zip(kernel, window.dilation, strict=True)
    )
    return window, kernel, size


@settings(max_examples=30, deadline=None)
@given(windows())
def test_the_output_has_xlas_size(case):
    window, kernel, size = case
    x = jax.ShapeDtypeStruct((1, *size, 1), jnp.float32)
    w = jax.ShapeDtypeStruct((*kernel, 1, 1), jnp.float32)
    shape = jax.eval_shape(lambda x, w: forward(window, x, w), x, w).shape
    assert shape == (1, *window.output_size(size, kernel), 1)


def test_a_window_that_does_not_fit_has_no_output():
    assert Sliding((1, 2), ((0, 0), (0, 0)), (3, 1)).output_size((6, 2), (3, 3)) == (0, 0)


@settings(max_examples=10, deadline=None)
@given(windows())
def test_what_is_scattered_is_the_adjoint_of_what_is_read(case):
    """<scale(i, j) read_ij(x), g>, summed over the offsets, is <x, scattered g>."""
    window, kernel, size = case
    out = window.output_size(size, kernel)
    x, g = (np.asarray(random(seed, (2, *s, 3))) for seed, s in enumerate((size, out)))
    scale = np.arange(1.0, 1 + math.prod(kernel)).reshape(kernel)
    padded = pad_spatial(jnp.asarray(x), window.padding)
    read = sum(
        scale[i, j] * (np.asarray(read_offset(padded, i, j, window, out)) * g).sum()
        for i in range(kernel[0])
        for j in range(kernel[1])
    )
    scattered = scatter_offsets(
        lambda i, j, g: np.float32(scale[i, j]) * g, [(jnp.asarray(g), 0)], window, kernel, size
    )
    assert scattered.shape == x.shape
    np.testing.assert_allclose((x * np.asarray(scattered)).sum(), read, rtol=1e-4, atol=1e-3)


def test_negative_padding_crops():
    x = jnp.arange(12.0).reshape(1, 3, 4, 1)
    padded = pad_spatial(x, ((-1, 1), (0, -2)), value=7)
    np.testing.assert_array_equal(padded[0, :, :, 0], [[4, 5], [8, 9], [7, 7]])
