"""What one process leaves on disk for the next to start sooner."""

import hashlib
import platform
import warnings
from functools import cache

from jaxcnn.files.cache_folder import cache_folder, cache_place
from jaxcnn.files.cpu_info import cpu_info

# A program that compiles sooner is not worth a file.
WORTH_SECONDS = 0.2


def keep_compiled_programs() -> str | None:
    """Has JAX keep what it compiles in this process, and take from there what another compiled.

    Where there is no `cache_folder` nothing is kept; JAX would warn of it at each program. Returns
    one line if that is since the folder there is another user's.
    """
    # A command line asks for the folder before it has loaded anything that takes time.
    import jax

    folder = cache_folder()
    if folder is None:
        place = cache_place()
        if place is None or not place.is_dir():
            return None
        return (
            f"compiled programs are not kept: {place} is another user's, who could have this one "
            "run anything; name a folder of your own by $XDG_CACHE_HOME"
        )
    programs = folder / "xla" / cpu_type()
    try:
        programs.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    jax.config.update("jax_compilation_cache_dir", str(programs))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", WORTH_SECONDS)
    # What XLA cannot write down of a program with calls to oneDNN: see `jaxcnn.xla.onednn`.
    cannot_be_kept = "Error writing persistent compilation cache entry .*MemoryError"
    warnings.filterwarnings("ignore", message=cannot_be_kept)
    return None


def keep_no_compiled_programs() -> None:
    """The opposite, also where the user's own settings name a folder for them."""
    import jax

    jax.config.update("jax_compilation_cache_dir", "")


@cache
def cpu_type() -> str:
    """A name for CPUs with the same instructions.

    A home folder may be shared by machines: what XLA compiled for one CPU may hold instructions
    that another has not, which ends the process.
    """
    described = [platform.system(), platform.machine(), platform.processor()]
    of_one_core = ("flags", "Features", "CPU part")
    described += sorted({line for line in cpu_info() if line.startswith(of_one_core)})
    return hashlib.sha256(repr(described).encode()).hexdigest()[:12]
