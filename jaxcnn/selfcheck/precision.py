"""float32 means float32 on this device, and bfloat16 no less than bfloat16."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.ops.conv import conv_general_dilated
from jaxcnn.ops.dense import dense
from jaxcnn.selfcheck.outcome import Outcome
from jaxcnn.xla.gpu import with_float32_products

# Of the largest value: sums of 512 products keep float32 within 1e-6, and TensorFloat-32, with
# its 10 bits after the point, is 3e-4 off. bfloat16 has 7: the result's own rounding is 4e-3.
ALLOWED = {"float32": 1e-5, "bfloat16": 1e-2}
CHANNELS, PIXELS, BATCH = 512, 8, 4


def check_precision() -> Outcome:
    """A dense layer and a 3x3 convolution against the same in numpy's float64."""
    rng = np.random.default_rng(0)
    images = rng.standard_normal((BATCH, PIXELS, PIXELS, CHANNELS))
    kernel = rng.standard_normal((3, 3, CHANNELS, 32))
    figures: dict[str, dict[str, float]] = {}
    failures = []
    for dtype, allowed in ALLOWED.items():
        x, w = (np.asarray(jnp.asarray(a, dtype)).astype(np.float64) for a in (images, kernel))
        figures[dtype] = {
            "dense": _error(dense, dtype, _flat(x), w[1, 1], exact=_flat(x) @ w[1, 1]),
            "convolution": _error(_convolution, dtype, x, w, exact=_exact_convolution(x, w)),
        }
        failures += [
            f"{dtype}: a {name} is {error:.1e} away from float64; {allowed:.0e} is allowed"
            for name, error in figures[dtype].items()
            if not error < allowed
        ]
    return Outcome(figures, tuple(failures))


def _error(
    operation: Callable[..., jax.Array],
    dtype: str,
    *operands: np.ndarray,
    exact: np.ndarray,
) -> float:
    # As `--precision=float32` has it; without, a GPU would multiply float32 in TF32.
    precise = jax.jit(with_float32_products(operation))
    ours = precise(*(jnp.asarray(operand, dtype) for operand in operands))
    return float(np.abs(np.asarray(ours, np.float64) - exact).max() / np.abs(exact).max())


def _convolution(x: jax.Array, w: jax.Array) -> jax.Array:
    return conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _exact_convolution(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    size = PIXELS - 2
    views = ((x[:, i : i + size, j : j + size], w[i, j]) for i in range(3) for j in range(3))
    return np.sum([view @ weights for view, weights in views], axis=0)


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(-1, x.shape[-1])
