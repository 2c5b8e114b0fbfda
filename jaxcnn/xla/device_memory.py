"""How much memory there is, and how much was used: a device's own, or the process's on a CPU."""

import os
import sys

import jax


def share_device_memory() -> None:
    """Leaves a GPU's memory to other processes too: by default JAX's first use takes most of it."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


def peak_bytes() -> int:
    """The most that was in use of the first device; of a CPU's memory, by this process."""
    if stats := _stats():
        return stats["peak_bytes_in_use"]
    import resource  # Windows has none.

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def limit_bytes() -> int | None:
    """What JAX may use of the first device's memory; None on a CPU, whose memory is everyone's."""
    stats = _stats()
    return stats["bytes_limit"] if stats else None


def _stats() -> dict[str, int] | None:
    return jax.local_devices()[0].memory_stats()


def out_of_memory(error: Exception) -> bool:
    """Whether this is how XLA says that something does not fit."""
    return isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" in str(error)
