"""Whether a GPU multiplies float32 in TF32, with 10 bits of mantissa: XLA's default."""

from typing import Any

import jax


def allows_tf32() -> bool:
    """Whether `jax_default_matmul_precision` leaves float32 products and convolutions to TF32."""
    config: Any = jax.config  # Has no such attribute for a type checker.
    return config.jax_default_matmul_precision not in ("highest", "float32")
