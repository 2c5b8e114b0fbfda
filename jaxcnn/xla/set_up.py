"""What a process settles with XLA before it computes."""

import os

from jaxcnn.xla.allocator import keep_memory
from jaxcnn.xla.cache import keep_compiled_programs
from jaxcnn.xla.flags import CPU_FLAGS, computes_on_cpu, gpu_left_idle, platforms_without_tpu
from jaxcnn.xla.support import supported


def set_up() -> str | None:
    """Has JAX keep compiled programs, and gives XLA the flags that a CPU is faster with.

    Where a CPU computes, the process also keeps the memory that it once had: see
    `jaxcnn.xla.allocator`.

    `fit` calls it too; but XLA reads flags when JAX first computes, so a program or a notebook that
    computes before it calls `fit` should begin with this. Programs are kept in
    $XDG_CACHE_HOME/jaxcnn (~/.cache), unless `jax_compilation_cache_dir` names a folder, or is ""
    to keep none. What $XLA_FLAGS holds of the user's own is left as it is.

    Returns:
        What is off, and how to have it on, in one line; None if nothing is.
    """
    # Here, for it takes half a second and a command line may still find its flags wrong.
    import jax

    unsafe = None
    if jax.config.values["jax_compilation_cache_dir"] is None:
        unsafe = keep_compiled_programs()
    idle = None if _jax_has_computed() else choose_platforms()
    if not computes_on_cpu():
        return unsafe
    if not _jax_has_computed():
        set_up_cpu()
        return idle or unsafe
    keep_memory()
    if jax.default_backend() != "cpu" or not _missing_cpu_flags():
        return unsafe
    return (
        "XLA's flags for CPUs are off, since JAX computed before they were set, and training takes "
        "longer: start anew, with jaxcnn.set_up() before anything is computed"
    )


def choose_platforms() -> str | None:
    """Leaves out what JAX would look for in vain, and say so in lines of its own.

    Returns one line where a GPU of this machine stays idle for want of a package.
    """
    import jax

    idle = gpu_left_idle()
    platforms = "cpu" if idle else platforms_without_tpu()
    if platforms is not None:
        # JAX has read the variable already; what this process starts reads it later.
        os.environ["JAX_PLATFORMS"] = platforms
        jax.config.update("jax_platforms", platforms)
    return idle


def set_up_cpu() -> None:
    """What a CPU computes faster with, to be called before JAX computes."""
    keep_memory()
    set_cpu_flags()
    compute_in_the_calling_thread()


def compute_in_the_calling_thread() -> None:
    """Has a CPU's program run in the thread that calls it, unless the user's settings say.

    In one of XLA's own the memory of a step would go back to the system: see
    `jaxcnn.xla.allocator`. On two cores of an Intel Xeon vit_tiny_patch16_224's step of 16 images
    of 224 pixels took 192,000 page faults and 0.3 s of the system's time so, now 0 and 0.01 s. What
    else the host does has threads of its own. JAX reads this when it first computes.
    """
    import jax

    if "JAX_CPU_ENABLE_ASYNC_DISPATCH" not in os.environ:
        jax.config.update("jax_cpu_enable_async_dispatch", False)


def set_cpu_flags() -> None:
    """Adds to $XLA_FLAGS those of `CPU_FLAGS` that this XLA has and the user has not set.

    XLA reads them when JAX is first used, and ends the process at one that it does not know.
    """
    given = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = " ".join(filter(None, [given, *_missing_cpu_flags()]))


def _missing_cpu_flags() -> list[str]:
    given = os.environ.get("XLA_FLAGS", "")
    absent = [flag for flag in CPU_FLAGS if flag.partition("=")[0] not in given]
    return [flag for flag in absent if flag in supported()]


def _jax_has_computed() -> bool:
    """Whether XLA has read its flags. JAX has no public name for it."""
    from jax._src import xla_bridge

    return xla_bridge.backends_are_initialized()
