import jax

from jaxcnn.ops.dense import dense
from jaxcnn.selfcheck import precision


def test_this_device_computes_float32_and_bfloat16():
    outcome = precision.check_precision()
    assert outcome.failures == ()
    assert outcome.figures["float32"]["convolution"] < outcome.figures["bfloat16"]["convolution"]


def test_float32_with_the_mantissa_of_tf32_is_a_failure(monkeypatch):
    def with_ten_bits(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return dense(*(jax.lax.reduce_precision(a, 8, 10) for a in (x, kernel)))

    monkeypatch.setattr(precision, "dense", with_ten_bits)
    [failure] = precision.check_precision().failures
    assert failure.startswith("float32: a dense is") and "1e-05 is allowed" in failure
