"""What a process settles with XLA before it computes."""

import os

import jax

from jaxcnn.xla.flags import CPU_FLAGS, gpu_left_idle, platforms_without_tpu
from jaxcnn.xla.support import supported


def choose_platforms() -> str | None:
    """Leaves out what JAX would look for in vain, and say so in lines of its own.

    Returns one line where a GPU of this machine stays idle for want of a package.
    """
    idle = gpu_left_idle()
    platforms = "cpu" if idle else platforms_without_tpu()
    if platforms is not None:
        # JAX has read the variable already; what this process starts reads it later.
        os.environ["JAX_PLATFORMS"] = platforms
        jax.config.update("jax_platforms", platforms)
    return idle


def set_cpu_flags() -> None:
    """Adds to $XLA_FLAGS those of `CPU_FLAGS` that this XLA has and the user has not set.

    XLA reads them when JAX is first used, and ends the process at one that it does not know.
    """
    given = os.environ.get("XLA_FLAGS", "")
    known = supported()
    ours = [flag for flag in CPU_FLAGS if flag in known and flag.partition("=")[0] not in given]
    os.environ["XLA_FLAGS"] = " ".join(filter(None, [given, *ours]))
