"""Times this library's CPU convolutions against XLA's: python -m benchmarks.conv

Prints the tables in jaxcnn/ops/conv/: milliseconds of forward, input gradient, kernel gradient.
"""

import statistics
import sys
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.command import cli

# (label, batch, size, channels, features, kernel, stride, groups)
ROWS = [
    ("depthwise 3x3, 112x112x32", 16, 112, 32, 32, 3, 1, 32),
    ("depthwise 5x5 stride 2, 56x56x144", 16, 56, 144, 144, 5, 2, 144),
    ("depthwise 7x7, 28x28x192", 16, 28, 192, 192, 7, 1, 192),
    ("1x1, 56x56, 64 -> 256", 16, 56, 64, 256, 1, 1, 1),
    ("3x3, 32x32, 16 -> 16", 128, 32, 16, 16, 3, 1, 1),
    ("3x3, 16x16, 32 -> 32", 128, 16, 32, 32, 3, 1, 1),
    ("3x3, 56x56, 64 -> 64", 16, 56, 64, 64, 3, 1, 1),
    ("3x3, 56x56, 128 -> 32", 16, 56, 128, 32, 3, 1, 1),
    ("3x3, 14x14x512, 32 groups", 16, 14, 512, 512, 3, 1, 32),
    ("7x7 stride 2, 224x224, 3 -> 64", 16, 224, 3, 64, 7, 2, 1),
    ("3x3, 112x112, 24 -> 24", 16, 112, 24, 24, 3, 1, 1),
    ("3x3, 224x224, 3 -> 64", 16, 224, 3, 64, 3, 1, 1),
    ("5x5, 32x32, 1 -> 6", 128, 32, 1, 6, 5, 1, 1),
    ("7x7, 7x7, 512 -> 4096", 16, 7, 512, 4096, 7, 1, 1),
]


def milliseconds(function, *args, repeats: int = 7) -> float:
    compiled = jax.jit(function)
    jax.block_until_ready(compiled(*args))
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(compiled(*args))
        seconds.append(time.perf_counter() - start)
    return 1e3 * statistics.median(seconds)


def row(label, batch, size, channels, features, kernel, stride, groups) -> str:
    from jaxcnn.ops.conv import Sliding, cpu, xla

    rng = np.random.default_rng(0)
    pad = (0, 0) if kernel == size else (kernel // 2, kernel // 2)
    window = Sliding((stride, stride), (pad, pad), groups=groups)
    x_shape = (batch, size, size, channels)
    w_shape = (kernel, kernel, channels // groups, features)
    out = (batch, *window.output_size(x_shape[1:3], w_shape[:2]), features)
    x, w, g = (jnp.asarray(rng.normal(size=s), jnp.float32) for s in (x_shape, w_shape, out))

    def times(lowering) -> str:
        each = (
            milliseconds(partial(lowering.forward, window), x, w),
            milliseconds(partial(lowering.input_grad, window, x_shape), g, w),
            milliseconds(partial(lowering.weight_grad, window, w_shape), x, g),
        )
        return " / ".join(f"{ms:.2g}" if ms < 10 else f"{ms:.0f}" for ms in each)

    # With the choice of oneDNN, which is made apart from the lowering's.
    weight_grad = cpu.fastest(window, x_shape, w_shape).weight_grad
    ours = cpu.Lowering(cpu.forward, cpu.input_grad, weight_grad)
    return f"    {label:<33} {batch:>5}    {times(xla):<18} {times(ours):<18}"


def main() -> None:
    cli.set_up(compilation_cache=False)
    for arguments in ROWS:
        print(row(*arguments), flush=True)


if __name__ == "__main__":
    sys.exit(main())
