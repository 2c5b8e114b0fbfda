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

from jaxcnn.ops import conv
from jaxcnn.ops.conv import conv_general_dilated

NHWC = ("NHWC", "HWIO", "NHWC")


def random(seed, shape, dtype=jnp.float32):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


def assert_close(got, want, tolerance=1e-5):
    """Within `tolerance` of the scale of `want`."""
    assert got.shape == want.shape and got.dtype == want.dtype
    got, want = np.asarray(got, np.float32), np.asarray(want, np.float32)
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * max(np.abs(want).max(), 1e-6))


@st.composite
def convolutions(draw):
    """(x, w, keyword arguments): dense, pointwise, grouped, depthwise, a kernel as large as x."""
    kinds = ["dense", "large dense", "pointwise", "grouped", "depthwise", "whole"]
    kind = draw(st.sampled_from(kinds))
    small = st.integers(1, 3)
    kernel = (1, 1) if kind == "pointwise" else draw(st.tuples(small, small))
    sizes = st.integers(12, 15) if kind == "large dense" else st.integers(5, 9)
    size = kernel if kind == "whole" else draw(st.tuples(sizes, sizes))
    groups = {"grouped": 2, "depthwise": 4}.get(kind, 1)
    channels = 4 if groups > 1 else draw(st.integers(1, 5))
    features = groups * draw(small)
    pads = st.tuples(st.integers(0, 2), st.integers(0, 2))
    padding = draw(st.sampled_from(["SAME", "VALID"]) | st.tuples(pads, pads))
    padding = "VALID" if kind == "whole" else padding
    one_or_two = st.integers(1, 1 if kind == "whole" else 2)
    seed = draw(st.integers(0, 1000))
    n = draw(st.integers(1, 6))
    x = random(seed, (n, *size, channels))
    w = random(seed + 1, (*kernel, channels // groups, features))
    how = {
        "window_strides": (1, 1) if kind == "large dense" else draw(st.tuples(small, small)),
        "padding": padding,
        "rhs_dilation": draw(st.tuples(one_or_two, one_or_two)),
        "dimension_numbers": NHWC,
        "feature_group_count": groups,
    }
    return x, w, how


@st.composite
def grouped_convolutions(draw):
    """(x, w, keyword arguments): groups of one channel and of many, whatever goes together."""
    groups, channels, features = (draw(st.integers(2, 6)) for _ in range(3))
    channels = draw(st.sampled_from([1, channels, 20]))
    n, height, width = (draw(st.integers(1, 7)) for _ in range(3))
    x = random(draw(st.integers(0, 1000)), (n, height + 2, width + 2, groups * channels))
    w = random(1, (*draw(st.tuples(*[st.integers(1, 3)] * 2)), channels, groups * features))
    how = {
        "window_strides": draw(st.tuples(*[st.integers(1, 2)] * 2)),
        "padding": "SAME",
        "dimension_numbers": NHWC,
        "feature_group_count": groups,
    }
    return x, w, how


def value_and_gradients(op, x, w, how, signs=lambda g: g):
    @jax.jit
    def run(x, w):
        y, pullback = jax.vjp(lambda x, w: op(x, w, **how), x, w)
        return y, *pullback(signs(random(7, y.shape, y.dtype)))

    return run(x, w)


@settings(max_examples=20, deadline=None)
@given(convolutions() | grouped_convolutions(), st.sampled_from([jnp.float32, jnp.bfloat16]))
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


@pytest.mark.parametrize(
    "x_shape, w_shape, strides, dilation, groups",
    [
        # Patches of 6 examples of this size exceed the bound, so they come in several dots.
        pytest.param((6, 48, 48, 8), (3, 3, 8, 4), (1, 1), (1, 1), 1, id="dense in chunks"),
        pytest.param((3, 25, 33, 3), (3, 5, 3, 4), (1, 2), (2, 1), 1, id="dense dilated"),
        pytest.param((3, 9, 8, 2), (3, 2, 1, 4), (1, 2), (2, 3), 2, id="depthwise dilated"),
        pytest.param((3, 9, 8, 2), (3, 2, 1, 2), (3, 2), (2, 1), 2, id="depthwise both"),
        pytest.param((3, 9, 8, 1), (5, 3, 1, 4), (2, 1), (1, 2), 1, id="one channel"),
    ],
)
def test_chunks_strides_and_dilations_equal_xla(x_shape, w_shape, strides, dilation, groups):
    how = {
        "window_strides": strides,
        "padding": ((1, 0), (2, 1)),
        "rhs_dilation": dilation,
        "dimension_numbers": NHWC,
        "feature_group_count": groups,
    }
    x, w = random(0, x_shape), random(1, w_shape)
    for got, want in zip(
        value_and_gradients(conv_general_dilated, x, w, how),
        value_and_gradients(lax.conv_general_dilated, x, w, how),
        strict=True,
    ):
        assert_close(got, want)


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


@pytest.mark.parametrize("chunk_bytes", [1, 2**9, 2**12])
@pytest.mark.parametrize(
    "strides, dilation", [((1, 1), (1, 1)), ((2, 1), (1, 2)), ((1, 2), (2, 1))]
)
def test_depthwise_chunks_of_any_size_equal_xla(monkeypatch, chunk_bytes, strides, dilation):
    """A row, some rows, or some examples at a time."""
    monkeypatch.setattr(conv, "_CHUNK_BYTES", chunk_bytes)
    how = {
        "window_strides": strides,
        "padding": "SAME",
        "rhs_dilation": dilation,
        "dimension_numbers": NHWC,
        "feature_group_count": 3,
    }
    x, w = random(0, (4, 12, 10, 3)), random(1, (3, 3, 1, 3))
    for got, want in zip(
        value_and_gradients(conv_general_dilated, x, w, how),
        value_and_gradients(lax.conv_general_dilated, x, w, how),
        strict=True,
    ):
        assert_close(got, want)


# One of each lowering: (shape of x, shape of w, strides, groups).
LOWERINGS = {
    "dense": ((4, 12, 12, 3), (3, 3, 3, 4), (1, 1), 1),
    "XLA's own": ((2, 6, 6, 40), (3, 3, 40, 4), (1, 1), 1),
    "grouped": ((4, 9, 9, 8), (3, 3, 2, 12), (2, 2), 4),
    "pointwise": ((4, 6, 6, 3), (1, 1, 3, 4), (2, 2), 1),
    "depthwise": ((4, 6, 6, 3), (3, 3, 1, 3), (2, 2), 3),
    "depthwise multiplied": ((4, 6, 6, 3), (3, 3, 1, 6), (1, 1), 3),
}


def arguments(name):
    x_shape, w_shape, strides, groups = LOWERINGS[name]
    how = {
        "window_strides": strides,
        "padding": "VALID" if w_shape[0] == 1 else ((1, 1), (1, 1)),
        "dimension_numbers": NHWC,
        "feature_group_count": groups,
    }
    return random(0, x_shape), random(1, w_shape), how


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
from jaxcnn.ops import conv
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


def test_on_cpu_a_depthwise_result_is_kept_for_all_its_readers():
    """Without the barrier each of them computes the kernel's products anew."""
    x, w = jnp.ones((1, 6, 6, 4)), jnp.ones((3, 3, 1, 4))

    def depthwise(x, w):
        numbers = ("NHWC", "HWIO", "NHWC")
        return conv_general_dilated(
            x, w, (1, 1), "SAME", dimension_numbers=numbers, feature_group_count=4
        )

    lowered = jax.jit(depthwise).trace(x, w).lower(lowering_platforms=("cpu",))
    assert "optimization_barrier" in lowered.as_text()
