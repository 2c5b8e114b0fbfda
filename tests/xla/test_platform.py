"""A lowering is traced once for all calls of one shape, and each platform has its own."""

import jax
import jax.numpy as jnp

from jaxcnn.xla.platform import per_platform


def test_equal_calls_trace_each_lowering_once():
    traced = []

    def scaled(factor, x):
        traced.append((factor, x.shape))
        return factor * x

    def network(x):
        for _ in range(3):
            x = per_platform(scaled, scaled, (2.0,), x)
        return per_platform(scaled, scaled, (3.0,), x)

    jax.make_jaxpr(network)(jnp.ones(4))
    # For the CPU and for all others.
    assert sorted(traced) == [(2.0, (4,))] * 2 + [(3.0, (4,))] * 2


def test_a_program_has_the_lowering_of_its_platform():
    def on_cpu(x):
        return jnp.sin(x)

    def elsewhere(x):
        return jnp.cos(x)

    traced = jax.jit(lambda x: per_platform(on_cpu, elsewhere, (), x)).trace(jnp.ones(4))
    for platform, own, other in (("cpu", "sine", "cosine"), ("tpu", "cosine", "sine")):
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        assert f"stablehlo.{own}" in text and f"stablehlo.{other}" not in text


def test_a_gpu_has_its_own_lowering_where_one_is_given():
    traced = jax.jit(lambda x: per_platform(jnp.sin, jnp.cos, (), x, gpu=jnp.tan)).trace(1.0)
    own = {"cpu": "sine", "tpu": "cosine", "cuda": "tan", "rocm": "tan"}
    for platform, name in own.items():
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        others = {*own.values()} - {name}
        assert f"stablehlo.{name} " in text
        assert not any(f"stablehlo.{other} " in text for other in others)
