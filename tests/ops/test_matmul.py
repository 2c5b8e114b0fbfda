"""Products of many matrices are jnp's, in value and gradients, by XLA and by oneDNN."""

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.ops.kernel_gradient import kernel_gradient
from jaxcnn.ops.matmul import matmul
from tests.ops.conv.cases import assert_close, random
from tests.xla.onednn_calls import calls, however_small, only_where_called


@st.composite
def products(draw):
    """(a, b, transpose_a, transpose_b): up to two leading dimensions."""
    leading = draw(st.lists(st.integers(1, 4), max_size=2))
    m, k, n = (draw(st.integers(1, 9)) for _ in range(3))
    transpose_a, transpose_b = draw(st.booleans()), draw(st.booleans())
    a = random(draw(st.integers(0, 1000)), (*leading, *((k, m) if transpose_a else (m, k))))
    b = random(1, (*leading, *((n, k) if transpose_b else (k, n))))
    return a, b, transpose_a, transpose_b


def plain_matmul(a, b, transpose_a, transpose_b):
    a = a.swapaxes(-1, -2) if transpose_a else a
    return a @ (b.swapaxes(-1, -2) if transpose_b else b)


@settings(max_examples=15, deadline=None)
@given(products())
def test_value_and_two_orders_of_gradients_are_the_plain_products(case):
    a, b, *transposed = case

    def run(product):
        def loss(a, b):
            y = product(a, b, *transposed)
            return jnp.sum(y**2), y

        def slope(a, b):
            gradients, y = jax.grad(loss, (0, 1), has_aux=True)(a, b)
            return sum(jnp.sum(g**2) for g in gradients), (y, gradients)

        second, first = jax.jit(jax.grad(slope, (0, 1), has_aux=True))(a, b)
        return jax.tree.leaves((first, second))

    want, by_xla = run(plain_matmul), run(matmul)
    with however_small():
        by_onednn = run(matmul)
    for ours in (by_xla, by_onednn):
        for one, other in zip(ours, want, strict=True):
            assert_close(one, other)


@pytest.mark.parametrize("wanted", [None, jnp.dtype("float32")])
def test_bfloat16_has_the_dtype_that_is_asked_for(wanted):
    """257 ones are 256 in bfloat16."""
    a, b = jnp.ones((2, 1, 257), jnp.bfloat16), jnp.ones((2, 1, 257), jnp.bfloat16)
    y = matmul(a, b, transpose_b=True, preferred_element_type=wanted)
    assert y.dtype == (wanted or jnp.bfloat16)
    assert float(y[0, 0, 0]) == (256 if wanted is None else 257)


@only_where_called
def test_products_and_their_gradients_go_to_onednn():
    a, b = random(0, (3, 4, 5)), random(1, (3, 5, 6))
    with however_small():
        assert calls(jax.grad(lambda a, b: matmul(a, b).sum(), (0, 1)), a, b) == 2
        assert calls(kernel_gradient, random(0, (9, 4)), random(1, (9, 3))) == 1
