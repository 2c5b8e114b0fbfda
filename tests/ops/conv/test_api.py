"""The convolution equals XLA's under every transformation, and is XLA's own on TPU."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from jaxcnn.ops.conv import conv_general_dilated
from tests.ops.conv.cases import (
    LOWERINGS,
    NHWC,
    arguments,
    assert_close,
    convolutions,
    random,
    value_and_gradients,
)


@settings(max_examples=15, deadline=None)
@given(convolutions(), st.sampled_from([jnp.float32, jnp.bfloat16]))
def test_value_and_gradients_equal_xla(case, dtype):
    """bfloat16 is compared with float32: half a unit in the last of 8 bits for the result, as much
    again for drawing g in bfloat16, of the sum of what is added: it may cancel."""
    x, w, how = case
    x, w = x.astype(dtype), w.astype(dtype)

    exact = [array.astype(jnp.float32) for array in (x, w)]
    xla = lax.conv_general_dilated
    sums = value_and_gradients(xla, *exact, how)
    of_magnitudes = value_and_gradients(xla, *map(abs, exact), how, signs=jnp.abs)
    ours = value_and_gradients(conv_general_dilated, x, w, how)
    for got, want, added in zip(ours, sums, of_magnitudes, strict=True):
        assert got.dtype == dtype
        if dtype == jnp.float32:
            assert_close(got, want)
        else:
            error = np.abs(np.asarray(got, np.float32) - want).max()
            assert error <= 2**-7 * np.abs(added).max()


@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (3, 1)])
@pytest.mark.parametrize("padding", [((-1, 2), (0, -2)), ((-2, -1), (1, 0))])
def test_negative_padding_is_that_much_less_input(strides, padding):
    """Compared with a cropped input: XLA's own convolution reads beyond it on CPU."""
    x, w = random(0, (2, 11, 9, 3)), random(1, (3, 2, 3, 4))
    how = {"window_strides": strides, "dimension_numbers": NHWC}

    def cropped_first(x, w, **how):
        x = lax.pad(x, 0.0, [(0, 0, 0), *((lo, hi, 0) for lo, hi in padding), (0, 0, 0)])
        return lax.conv_general_dilated(x, w, padding="VALID", **how)

    exact = value_and_gradients(cropped_first, x, w, how)
    ours = value_and_gradients(conv_general_dilated, x, w, {**how, "padding": padding})
    for got, want in zip(ours, exact, strict=True):
        assert_close(got, want)


@pytest.mark.parametrize("name", LOWERINGS)
def test_gradient_of_gradient_equals_xla(name):
    x, w, how = arguments(name)

    def second(op):
        def loss(x, w):
            return jnp.sum(op(x, w, **how) ** 3)

        def slope(x, w):
            dx, dw = jax.grad(loss, (0, 1))(x, w)
            return jnp.sum(dx**2) + jnp.sum(dw**2)

        return jax.jit(jax.grad(slope, (0, 1)))(x, w)

    got, want = second(conv_general_dilated), second(lax.conv_general_dilated)
    for a, b in zip(got, want, strict=True):
        assert_close(a, b, tolerance=1e-4)


@pytest.mark.parametrize("name", LOWERINGS)
def test_vmap_over_kernels_and_inputs_equals_a_loop(name):
    x, w, how = arguments(name)
    xs, ws = jnp.stack([x, x + 1]), jnp.stack([w, -2 * w])
    batched = jax.jit(jax.vmap(lambda x, w: value_and_gradients(conv_general_dilated, x, w, how)))(
        xs, ws
    )
    for i in range(2):
        one = value_and_gradients(lax.conv_general_dilated, xs[i], ws[i], how)
        for got, want in zip(batched, one, strict=True):
            assert_close(got[i], want)


@pytest.mark.parametrize("name", LOWERINGS)
def test_tpu_lowering_is_xla_convolution_without_conditionals(name):
    x, w, how = arguments(name)
    step = jax.jit(lambda x, w: value_and_gradients(conv_general_dilated, x, w, how))
    text = step.trace(x, w).lower(lowering_platforms=("tpu",)).as_text()
    assert text.count("stablehlo.convolution") == 3
    for absent in ("stablehlo.if", "stablehlo.while", "stablehlo.dot_general"):
        assert absent not in text
    # What is left of a platform_dependent is a case of one branch, which XLA inlines, and one over
    # constants for its index: the only case with a second branch.
    assert text.count("}, {") == text.count("(tensor<i32>) -> tensor<i32>")


def test_unsupported_layout_goes_to_xla():
    x, w = random(0, (2, 3, 6, 6)), random(1, (4, 3, 3, 3))
    assert_close(
        conv_general_dilated(x, w, (1, 1), "SAME"), lax.conv_general_dilated(x, w, (1, 1), "SAME")
    )


SHARDED = """
import jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_num_cpu_devices", 8)
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
from jaxcnn.ops.conv import conv_general_dilated
from jaxcnn.ops.pool import max_pool
assert jax.device_count() == 8
mesh = Mesh(np.array(jax.devices()), ("data",))
rng = np.random.default_rng(0)
for shape, kernel, groups in [((8, 12, 12, 4), (3, 3, 4, 8), 1), ((8, 6, 6, 4), (1, 1, 4, 8), 1),
                              ((8, 6, 6, 4), (3, 3, 1, 4), 4), ((8, 6, 6, 8), (3, 3, 2, 8), 4)]:
    x = jnp.asarray(rng.normal(size=shape), jnp.float32)
    w = jnp.asarray(rng.normal(size=kernel), jnp.float32)
    def loss(x, w):
        y = conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"),
                                 feature_group_count=groups)
        return jnp.sum(max_pool(y, 2) ** 2)
    step = jax.jit(jax.value_and_grad(loss, (0, 1)))
    sharded = jax.device_put(x, NamedSharding(mesh, P("data")))
    whole = jax.device_put(w, NamedSharding(mesh, P()))
    got, want = step(sharded, whole), step(x, w)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), got, want)
print("equal")
"""


def test_batch_sharded_over_8_devices_equals_one_device():
    done = subprocess.run(
        [sys.executable, "-c", SHARDED],
        capture_output=True,
        text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )
    assert done.stdout.strip() == "equal", done.stderr
