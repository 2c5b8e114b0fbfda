"""How much memory there is, and how much was used: a device's own, or the process's on a CPU."""

import os
import sys
from typing import Any

import jax

# For a process that leaves a GPU's memory to others too: JAX's first use takes most of it.
SHARED = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


def share_device_memory() -> None:
    """Has this process and those that it starts take a GPU's memory as they need it."""
    for name, value in SHARED.items():
        os.environ.setdefault(name, value)


def program_bytes(compiled: jax.stages.Compiled) -> int | None:
    """The memory of a device that a run of the program takes; None where the compiler says not."""
    memory: Any = compiled.memory_analysis()
    return memory and (
        memory.argument_size_in_bytes
        + memory.output_size_in_bytes
        - memory.alias_size_in_bytes
        + memory.temp_size_in_bytes
        + memory.generated_code_size_in_bytes
    )


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
