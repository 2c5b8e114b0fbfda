"""oneDNN's matrix product and convolution, which XLA's CPU compiler carries and hardly uses.

https://uxlfoundation.github.io/oneDNN. The calls are XLA's own way to reach it: custom calls with
the `OneDnnMatMulConfig` or `OneDnnConvolutionConfig` of xla/service/cpu/onednn_config.proto as
JSON. XLA promises nothing about them, so `pays` allows them only where `jaxcnn.xla.support` found
that they work. A configuration that oneDNN refuses ends the process.

A program with such a call cannot be kept in JAX's compilation cache: it is compiled at every start.
"""

import json
import math
import platform
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxcnn.xla import support

CALLS = MATMUL, CONVOLUTION = "__onednn$matmul", "__onednn$convolution"

# About what a CPU does: two cores of 2023, float32.
_FLOPS, _BYTES_PER_SECOND = 2e11, 1e10
# Of one operation. With less, what is won never makes up for compilation at every start: a small
# network's program is better kept.
_WORTH_SECONDS = 1.5e-3
# Of the right operand as it lies. 784 x 768 times 768 x 3,072 ran at 0.6 of the speed of XLA's
# product on an Intel Xeon of 2023, with 2,304 columns or turned over faster than that.
MOST_COLUMNS = 2304


def pays(name: str, multiply_adds: int, *arrays: jax.Array) -> bool:
    """Whether an operation on `arrays` is better given to oneDNN, where XLA has it: large, float32.

    `name` is MATMUL's or CONVOLUTION's in `jaxcnn.xla.support`; `multiply_adds` is how many the
    operation takes.
    """
    size = sum(array.size for array in arrays)
    seconds = 2 * multiply_adds / _FLOPS + 4 * size / _BYTES_PER_SECOND
    return (
        # Other CPUs' oneDNN was not timed.
        platform.machine() == "x86_64"
        and all(array.dtype == jnp.float32 and array.size > 0 for array in arrays)
        and seconds >= _WORTH_SECONDS
        and name in support.supported()
    )


def matmul(transpose_a: bool, transpose_b: bool, a: jax.Array, b: jax.Array) -> jax.Array:
    """[..., M, K] x [..., K, N] -> [..., M, N]; one that is transposed is given turned over."""
    rows, columns = a.shape[-1 if transpose_a else -2], b.shape[-2 if transpose_b else -1]
    config = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    return _call(MATMUL, {"onednn_matmul_config": config}, (*a.shape[:-2], rows, columns), a, b)


def pays_for_matmul(transpose_a: bool, transpose_b: bool, a: jax.Array, b: jax.Array) -> bool:
    """Whether `matmul` does."""
    terms = a.shape[-2 if transpose_a else -1]
    if not transpose_b and b.shape[-1] > MOST_COLUMNS:
        return False
    return pays(support.MATMUL, a.size * b.size // (math.prod(a.shape[:-2]) * terms), a, b)


def convolution(
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    groups: int,
    x: jax.Array,
    w: jax.Array,
) -> jax.Array:
    """x [N, H, W, C], w [KH, KW, C / groups, features] -> [N, OH, OW, features].

    `padding` has a (low, high) pair for height and for width, not negative.
    """
    kernel = w.shape[:2]
    size = tuple(
        (n + lo + hi - (k - 1) * d - 1) // s + 1
        for n, k, s, (lo, hi), d in zip(
            x.shape[1:3], kernel, strides, padding, dilation, strict=True
        )
    )
    images = {"dims": 4, "data": {"batch_dim": 0, "feature_dim": 3, "spatial_dims": [1, 2]}}
    filters = {
        "input_feature_dim": 2,
        "output_feature_dim": 3,
        "spatial_dims": [0, 1],
        "shape": w.shape,
    }
    config = {
        "dims": 4,
        "input": images,
        "kernel": {"dims": 4, "filter": filters},
        "output": images,
        "window": {
            "size": kernel,
            "pad_left": [lo for lo, _ in padding],
            "pad_right": [hi for _, hi in padding],
            "strides": tuple(strides),
            "window_dilations": tuple(dilation),
        },
        "feature_groups": groups,
    }
    shape = (len(x), *size, w.shape[3])
    return _call(CONVOLUTION, {"onednn_conv_config": config}, shape, x, w)


def _call(
    name: str, config: dict[str, Any], shape: tuple[int, ...], *arrays: jax.Array
) -> jax.Array:
    call = jax.ffi.ffi_call(
        name,
        jax.ShapeDtypeStruct(shape, arrays[0].dtype),
        vmap_method="sequential",
        custom_call_api_version=2,
        legacy_backend_config=json.dumps(config),
    )
    return call(*arrays)
