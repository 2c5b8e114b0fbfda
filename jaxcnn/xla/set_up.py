"""What a process settles with XLA before it computes."""

import os

from jaxcnn.xla.flags import CPU_FLAGS
from jaxcnn.xla.support import supported


def set_cpu_flags() -> None:
    """Adds to $XLA_FLAGS those of `CPU_FLAGS` that this XLA has and the user has not set.

    XLA reads them when JAX is first used, and ends the process at one that it does not know.
    """
    given = os.environ.get("XLA_FLAGS", "")
    known = supported()
    ours = [flag for flag in CPU_FLAGS if flag in known and flag.partition("=")[0] not in given]
    os.environ["XLA_FLAGS"] = " ".join(filter(None, [given, *ours]))
