"""Tries what XLA may have or not; see `jaxcnn.xla.support`.

python -m jaxcnn.xla.probe NAME... prints which of the flags and calls work, as a list in JSON.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxcnn.xla import onednn
from jaxcnn.xla.support import CONVOLUTION, MATMUL

TOLERANCE = 1e-4


def _matmul_works() -> bool:
    a, b = _drawn(40, 24), _drawn(24, 56)
    turned = jax.jit(lambda a, b: onednn.matmul(True, True, a, b))(a.T, b.T)
    return _close(turned, a @ b)


def _convolution_works() -> bool:
    x, w = _drawn(2, 9, 9, 16), _drawn(3, 3, 8, 32)
    strides, padding = (2, 2), ((1, 1), (1, 1))
    ours = jax.jit(lambda x, w: onednn.convolution(strides, padding, (1, 1), 2, x, w))(x, w)
    exact = lax.conv_general_dilated(
        x, w, strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=2
    )
    return _close(ours, exact)


def _flag_works() -> bool:
    """It does if XLA, that has read it, still computes."""
    x = _drawn(8, 8)

    def twice(x: jax.Array) -> jax.Array:
        kept = lax.optimization_barrier(jnp.exp(x))
        return kept + jnp.sum(kept)

    exponential = np.exp(np.asarray(x))
    return _close(jax.jit(twice)(x), exponential + exponential.sum())


CALLS: dict[str, Callable[[], bool]] = {MATMUL: _matmul_works, CONVOLUTION: _convolution_works}


def _drawn(*shape: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(0).standard_normal(shape), jnp.float32)


def _close(ours: jax.Array, exact: jax.Array | np.ndarray) -> bool:
    return np.allclose(ours, exact, rtol=TOLERANCE, atol=TOLERANCE)


def main(names: Sequence[str]) -> None:
    # Set before XLA is first used.
    os.environ["XLA_FLAGS"] = " ".join(name for name in names if name.startswith("--"))
    print(json.dumps([name for name in names if CALLS.get(name, _flag_works)()]))


if __name__ == "__main__":
    main(sys.argv[1:])
