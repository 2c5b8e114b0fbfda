"""Convolutions to try, and how two answers are compared."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st

from jaxcnn.ops.conv import xla

NHWC = ("NHWC", "HWIO", "NHWC")


def random(seed, shape, dtype=jnp.float32):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


def assert_close(got, want, tolerance=1e-5):
    """Within `tolerance` of the scale of `want`."""
    assert got.shape == want.shape and got.dtype == want.dtype
    got, want = np.asarray(got, np.float32), np.asarray(want, np.float32)
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * max(np.abs(want).max(), 1e-6))


def value_and_gradients(op, x, w, how, signs=lambda g: g):
    @jax.jit
    def run(x, w):
        y, pullback = jax.vjp(lambda x, w: op(x, w, **how), x, w)
        return y, *pullback(signs(random(7, y.shape, y.dtype)))

    return run(x, w)


@st.composite
def convolutions(draw):
    """(x, w, keyword arguments): dense, pointwise, grouped, depthwise, a kernel as large as x,
    few maps of many examples."""
    kinds = ["dense", "large dense", "pointwise", "grouped", "depthwise", "whole", "few maps"]
    kind = draw(st.sampled_from(kinds))
    small = st.integers(1, 3)
    kernel = (1, 1) if kind == "pointwise" else draw(st.tuples(small, small))
    sizes = st.integers(12, 15) if kind == "large dense" else st.integers(5, 9)
    if kind == "few maps":
        kernel, sizes = (4, 3), st.integers(7, 9)  # Which the kernel fits into, dilated too.
    size = kernel if kind == "whole" else draw(st.tuples(sizes, sizes))
    groups = {"grouped": 2, "depthwise": 4}.get(kind, 1)
    channels = 4 if groups > 1 else draw(st.integers(1, 5))
    features = groups * draw(small)
    pads = st.tuples(st.integers(0, 2), st.integers(0, 2))
    padding = draw(st.sampled_from(["SAME", "VALID"]) | st.tuples(pads, pads))
    padding = "VALID" if kind == "whole" else padding
    one_or_two = st.integers(1, 1 if kind == "whole" else 2)
    seed = draw(st.integers(0, 1000))
    n = 32 if kind == "few maps" else draw(st.integers(1, 6))
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


# One of each lowering: (shape of x, shape of w, strides, groups).
LOWERINGS = {
    "dense": ((4, 12, 12, 3), (3, 3, 3, 4), (1, 1), 1),
    "XLA's own": ((2, 6, 6, 40), (3, 3, 40, 4), (1, 1), 1),
    "grouped": ((4, 9, 9, 8), (3, 3, 2, 12), (2, 2), 4),
    "pointwise": ((4, 6, 6, 3), (1, 1, 3, 4), (2, 2), 1),
    "whole": ((4, 3, 2, 5), (3, 2, 5, 4), (1, 1), 1),
    "one channel": ((4, 6, 6, 1), (3, 3, 1, 4), (2, 2), 1),
    "few maps": ((32, 7, 6, 2), (4, 3, 2, 3), (1, 1), 1),
    "few maps strided": ((32, 7, 6, 2), (4, 3, 2, 3), (2, 1), 1),
    "depthwise": ((4, 6, 6, 3), (3, 3, 1, 3), (2, 2), 3),
    "depthwise multiplied": ((4, 6, 6, 3), (3, 3, 1, 6), (1, 1), 3),
}


def arguments(name):
    x_shape, w_shape, strides, groups = LOWERINGS[name]
    how = {
        "window_strides": strides,
        "padding": "VALID" if w_shape[0] in (1, x_shape[1]) else ((1, 1), (1, 1)),
        "dimension_numbers": NHWC,
        "feature_group_count": groups,
    }
    return random(0, x_shape), random(1, w_shape), how


def assert_equals_xla(lowering, window, x, w):
    """Of a lowering (forward, input_grad, weight_grad) those that are not None."""
    g = random(7, (len(x), *window.output_size(x.shape[1:3], w.shape[:2]), w.shape[3]))
    static = ((window,), (window, x.shape), (window, w.shape))
    for own, plain, fixed, arrays in zip(
        lowering,
        (xla.forward, xla.input_grad, xla.weight_grad),
        static,
        ((x, w), (g, w), (x, g)),
        strict=True,
    ):
        if own is not None:
            # Both new to jit: it would take an earlier trace for one that was patched since.
            got = jax.jit(partial(lambda *a, own: own(*a), *fixed, own=own))(*arrays)
            assert_close(got, jax.jit(partial(plain, *fixed))(*arrays))
