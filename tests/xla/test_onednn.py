"""What oneDNN computes is what XLA computes, under every transformation."""

import contextlib
import platform
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
from jaxcnn.ops.kernel_gradient import kernel_gradient
from jaxcnn.ops.matmul import matmul
from jaxcnn.xla import onednn, support
from jaxcnn.xla.trace_cache import TraceCache
from tests.ops.test_conv import (
    LOWERINGS,
    NHWC,
    arguments,
    assert_close,
    convolutions,
    grouped_convolutions,
    random,
    value_and_gradients,
)

# Not by what `support` says: a jaxlib without it is to fail here.
pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="oneDNN's calls are used on Linux and x86-64 only",
)


@contextlib.contextmanager
def however_small():
    """Operations of any size are given to oneDNN."""
    jax.clear_caches()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onednn, "_WORTH_SECONDS", 0.0)
        yield
    jax.clear_caches()


def calls(function, *arguments):
    """How often a function's program calls oneDNN."""
    return jax.jit(function).lower(*arguments).as_text().count("custom_call @__onednn$")


@settings(max_examples=30, deadline=None)
@given(convolutions() | grouped_convolutions())
def test_value_and_gradients_of_convolutions_equal_xla(case):
    x, w, how = case
    exact = value_and_gradients(lax.conv_general_dilated, x, w, how)
    with however_small():
        ours = value_and_gradients(conv_general_dilated, x, w, how)
    for got, want in zip(ours, exact, strict=True):
        assert_close(got, want)


@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (3, 1)])
@pytest.mark.parametrize("padding", [(3, 0), (4, 4)])
def test_wide_padding_equals_xla(strides, padding):
    x, w = random(0, (2, 11, 9, 3)), random(1, (3, 2, 3, 4))
    how = {"window_strides": strides, "padding": [padding] * 2, "dimension_numbers": NHWC}
    exact = value_and_gradients(lax.conv_general_dilated, x, w, how)
    with however_small():
        ours = value_and_gradients(conv_general_dilated, x, w, how)
    for got, want in zip(ours, exact, strict=True):
        assert_close(got, want)


@pytest.mark.parametrize("name", [name for name in LOWERINGS if name != "pointwise"])
def test_convolutions_go_to_onednn_forward_and_back(name):
    x, w, how = arguments(name)

    def forward(x, w):
        return conv_general_dilated(x, w, **how)

    def pull_back(x, w):
        return jax.vjp(lambda x: forward(x, w), x)[1](jnp.ones(jax.eval_shape(forward, x, w).shape))

    # Of a strided one a call per residue class; a strided depthwise one has none.
    backward = {"grouped": 4, "depthwise": 0}.get(name, 1)
    with however_small():
        assert calls(forward, x, w) == 1
        assert calls(pull_back, x, w) == backward


@pytest.mark.parametrize("name", LOWERINGS)
def test_gradient_of_gradient_and_vmap_equal_xla(name):
    x, w, how = arguments(name)
    xs, ws = jnp.stack([x, x + 1]), jnp.stack([w, -2 * w])

    def second(op):
        def slope(x, w):
            dx, dw = jax.grad(lambda x, w: jnp.sum(op(x, w, **how) ** 3), (0, 1))(x, w)
            return jnp.sum(dx**2) + jnp.sum(dw**2)

        return jax.jit(jax.vmap(jax.grad(slope, (0, 1))))(xs, ws)

    with however_small():
        got = second(conv_general_dilated)
    for a, b in zip(got, second(lax.conv_general_dilated), strict=True):
        assert_close(a, b, tolerance=1e-4)


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


@settings(max_examples=30, deadline=None)
@given(products())
def test_value_and_gradients_of_products_equal_xla(case):
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

    with however_small():
        ours = run(matmul)
    for got, want in zip(ours, run(plain_matmul), strict=True):
        assert_close(got, want)


def test_products_and_their_gradients_go_to_onednn():
    a, b = random(0, (3, 4, 5)), random(1, (3, 5, 6))
    with however_small():
        assert calls(jax.grad(lambda a, b: matmul(a, b).sum(), (0, 1)), a, b) == 2
        assert calls(kernel_gradient, random(0, (9, 4)), random(1, (9, 3))) == 1


def test_little_work_and_other_types_stay_with_xla():
    x, w = random(0, (2, 8, 8, 4)), random(1, (3, 3, 4, 4))

    def convolution(x, w):
        return conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=NHWC)

    assert calls(convolution, x, w) == 0
    with however_small():
        assert calls(convolution, x, w) == 1
        assert calls(convolution, x.astype(jnp.bfloat16), w.astype(jnp.bfloat16)) == 0


def test_an_xla_in_which_the_calls_do_not_work_is_left_alone(monkeypatch):
    assert onednn.pays(support.MATMUL, 10**12, jnp.ones(1))
    monkeypatch.setattr(support, "supported", lambda: frozenset([support.CONVOLUTION]))
    assert onednn.pays(support.CONVOLUTION, 10**12, jnp.ones(1))
    assert not onednn.pays(support.MATMUL, 10**12, jnp.ones(1))


def test_large_work_goes_to_onednn():
    x, w = (
        jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((16, 56, 56, 64), (3, 3, 64, 64))
    )
    convolution = jax.jit(
        lambda x, w: conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=NHWC)
    )
    assert "@__onednn$convolution" in convolution.lower(x, w).as_text()


def test_a_program_of_several_devices_has_no_call():
    """XLA would gather a call's whole operands on each device."""
    code = """
import jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_num_cpu_devices", 8)
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
from jaxcnn.xla import onednn
from jaxcnn.ops.matmul import matmul
onednn._WORTH_SECONDS = 0.0
mesh = Mesh(np.array(jax.devices()), ("data",))
a, b = jnp.ones((8, 4, 5)), jnp.ones((8, 5, 6))
split = [jax.device_put(x, NamedSharding(mesh, P("data"))) for x in (a, b)]
product = jax.jit(matmul)
print(product.lower(a, b).as_text().count("__onednn"))
print(product.lower(*split).as_text().count("__onednn"))
print(jax.pmap(matmul).lower(a[:, None], b[:, None]).as_text().count("__onednn"))
print(bool((product(*split) == 5).all()), bool((product(a, b) == 5).all()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["1", "0", "1", "True", "True"], done.stderr


def test_a_tpu_program_has_no_call():
    a = jnp.ones((3, 4, 4))
    with however_small():
        text = jax.jit(matmul).trace(a, a).lower(lowering_platforms=("tpu",)).as_text()
    assert "__onednn" not in text and "stablehlo.dot_general" in text


def test_results_are_equal_to_the_bit_from_run_to_run():
    x, w = random(0, (16, 28, 28, 64)), random(1, (3, 3, 64, 64))
    step = jax.jit(
        lambda x, w: value_and_gradients(
            conv_general_dilated,
            x,
            w,
            {"window_strides": (1, 1), "padding": "SAME", "dimension_numbers": NHWC},
        )
    )
    first = step(x, w)
    for _ in range(5):
        for got, want in zip(step(x, w), first, strict=True):
            np.testing.assert_array_equal(got, want)


def test_many_calls_at_once_end():
    """Independent calls share two or more threads, and none waits for one that waits for it."""
    x, kernels = random(0, (8, 16, 16, 16)), random(1, (40, 3, 3, 16, 16))

    def branches(x):
        convolved = (
            conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=NHWC) for w in kernels
        )
        return sum(jnp.sum(y**2) for y in convolved)

    with however_small():
        step = jax.jit(jax.grad(branches))
        results = [step(x) for _ in range(20)]
        assert all(np.isfinite(np.asarray(result)).all() for result in results)


def test_a_kept_trace_keeps_its_calls(tmp_path):
    a = random(0, (3, 4, 4))
    with however_small():
        for _ in range(2):  # Traced, then read.
            kept = jax.jit(TraceCache(tmp_path).once("product", matmul))
            assert "__onednn" in kept.lower(a, a).as_text()
            assert_close(kept(a, a), a @ a)
