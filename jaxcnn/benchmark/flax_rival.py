"""Times a workload in plain Flax Linen: our models and step, of Flax's and JAX's own layers.

Run by `jaxcnn.benchmark.rival`. Reads a workload as one line of JSON and answers with one; then,
for each number of steps, with the seconds of each.

The layers take the names of ours before a model is imported, so that each family is the same
network, with the same parameters, as its users would write it: nn.Conv, nn.BatchNorm, nn.LayerNorm,
nn.Dense, nn.max_pool, nn.avg_pool, nn.gelu and jnp.matmul.
"""

import importlib
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn


def max_pool(x: jax.Array, window: Any, strides: Any = None, padding: Any = 0) -> jax.Array:
    return nn.max_pool(x, pair(window), pair(strides or window), pads(padding))


def avg_pool(
    x: jax.Array,
    window: Any,
    strides: Any = None,
    padding: Any = 0,
    count_include_pad: bool = True,
) -> jax.Array:
    steps = pair(strides or window)
    return nn.avg_pool(x, pair(window), steps, pads(padding), count_include_pad)


def pair(value: Any) -> tuple[Any, Any]:
    return (value, value) if isinstance(value, int) else tuple(value)


def pads(padding: Any) -> Any:
    return padding if isinstance(padding, str) else [pair(side) for side in pair(padding)]


def gelu(x: jax.Array) -> jax.Array:
    return nn.gelu(x, approximate=False)


def matmul(
    a: jax.Array,
    b: jax.Array,
    transpose_a: bool = False,
    transpose_b: bool = False,
    preferred_element_type: Any = None,
) -> jax.Array:
    a, b = a.mT if transpose_a else a, b.mT if transpose_b else b
    return jnp.matmul(a, b, preferred_element_type=preferred_element_type)


PLAIN = {
    "jaxcnn.layers.conv": {"Conv": nn.Conv},
    "jaxcnn.layers.dense": {"Dense": nn.Dense},
    "jaxcnn.layers.normalize": {"BatchNorm": nn.BatchNorm, "LayerNorm": nn.LayerNorm},
    "jaxcnn.ops.pool": {"max_pool": max_pool, "avg_pool": avg_pool},
    "jaxcnn.ops.gelu": {"gelu": gelu},
    "jaxcnn.ops.matmul": {"matmul": matmul},
    "jaxcnn.ops.channel": {"scale_channels": jnp.multiply},
    "jaxcnn.ops.finite": {"all_finite": lambda *_: True},
    "jaxcnn.xla.materialize": {"materialize": lambda x: x},
}


def put_plain_layers_in_place() -> None:
    """In this process, for good; before any model is imported."""
    for module, names in PLAIN.items():
        for name, plain in names.items():
            setattr(importlib.import_module(module), name, plain)


def main() -> None:
    put_plain_layers_in_place()
    # Only now: models take the layers by name.
    from jaxcnn.benchmark.served import serve

    serve()


if __name__ == "__main__":
    main()
