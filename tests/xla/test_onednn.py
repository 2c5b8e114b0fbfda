"""oneDNN is called where it is there and the work is large, and gives the same bits each time."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.ops.conv import conv_general_dilated
from jaxcnn.ops.matmul import matmul
from jaxcnn.xla import onednn, support
from jaxcnn.xla.trace_cache import TraceCache
from tests.ops.conv.cases import NHWC, assert_close, random, value_and_gradients
from tests.xla.onednn_calls import calls, however_small, only_where_called

pytestmark = only_where_called


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
