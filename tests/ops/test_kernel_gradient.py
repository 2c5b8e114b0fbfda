"""The gradient of a product to its kernel, against one plain product."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.ops.kernel_gradient import kernel_gradient


def operands(rows, inputs, outputs, dtype=jnp.float32):
    rng = np.random.default_rng(0)
    shapes = (rows, inputs), (rows, outputs)
    return tuple(jnp.asarray(rng.normal(size=shape), dtype) for shape in shapes)


def relative_error(got, expected):
    got, expected = (np.asarray(a, np.float64) for a in (got, expected))
    return np.abs(got - expected).max() / np.abs(expected).max()


@settings(max_examples=20, deadline=None)
@given(
    rows=st.sampled_from([1, 7, 511, 512, 2048]),
    inputs=st.integers(1, 9),
    outputs=st.integers(1, 9),
)
def test_equals_plain_product_for_any_number_of_rows(rows, inputs, outputs):
    x, g = operands(rows, inputs, outputs)
    expected = np.asarray(x, np.float64).T @ np.asarray(g, np.float64)
    assert relative_error(jax.jit(kernel_gradient)(x, g), expected) < 1e-5


@pytest.mark.parametrize(("inputs", "outputs"), [(3, 5), (5, 3)])
def test_bfloat16_is_summed_in_float32(inputs, outputs):
    x, g = operands(2048, inputs, outputs, jnp.bfloat16)
    expected = np.asarray(x, np.float64).T @ np.asarray(g, np.float64)
    got = kernel_gradient(x, g)
    assert got.dtype == jnp.bfloat16
    assert relative_error(got, expected) < 2**-8  # One rounding, of the result.


def test_gradients_of_any_order_and_vmap_are_those_of_the_plain_product():
    x, g = operands(2048, 3, 2)
    x /= len(x) ** 0.5
    xs, gs = (jnp.stack([a, 2 * a]) for a in (x, g))

    def of(product):
        def loss(x, g):
            return jnp.sum(jnp.sin(product(x, g)))

        def norm_of_gradient(x, g):
            return sum(jnp.sum(d**2) for d in jax.grad(loss, (0, 1))(x, g))

        return jax.vmap(jax.grad(norm_of_gradient, (0, 1)))(xs, gs)

    for got, expected in zip(of(kernel_gradient), of(lambda x, g: x.T @ g), strict=True):
        assert relative_error(got, expected) < 1e-5


@pytest.mark.parametrize(("inputs", "outputs"), [(3, 5), (5, 3)])
def test_on_cpu_the_wider_operand_is_on_the_right(inputs, outputs):
    """Which is what makes it fast; on a TPU the operands stay as they are."""
    for platform, sides in (("cpu", sorted((inputs, outputs))), ("tpu", (inputs, outputs))):
        traced = jax.jit(kernel_gradient).trace(*operands(512, inputs, outputs))
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        assert f"(tensor<512x{sides[0]}xf32>, tensor<512x{sides[1]}xf32>)" in text
