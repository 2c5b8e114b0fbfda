"""XLA's flags that a CPU is faster with, and whether it is the CPU that will compute."""

import os
from collections.abc import Sequence
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules

# For CPU only: a TPU's compiler refuses barriers that are not dropped. Convolutions by YNNPACK keep
# the second core waiting: with none, resnet20's step takes 0.8 of the time. The pass that drops
# barriers undoes `jaxcnn.xla.materialize`. Loops that are unrolled as well as vectorised take
# longer to compile, which a start waits for; of the networks that were tried efficientnet_b0's
# inference and convnext_tiny ran a little faster with them.
CPU_FLAGS = (
    "--xla_cpu_experimental_ynn_fusion_type=",
    "--xla_disable_hlo_passes=cse_barrier_expander",
    "--xla_backend_extra_options=xla_cpu_disable_loop_unrolling=true",
)
# What Linux shows of a TPU, and of a GPU by NVIDIA, by AMD, or in WSL.
ACCELERATORS = ("accel[0-9]*", "vfio/[0-9]*", "nvidia[0-9]*", "kfd", "dxg")
DEVICES = Path("/dev")


def computes_on_cpu() -> bool:
    """Whether JAX will; it cannot be asked, for it reads the flags when it is first used."""
    if platforms := os.environ.get("JAX_PLATFORMS"):
        return platforms.split(",")[0] == "cpu"
    return not (accelerators() and plugins())


def accelerators() -> list[Path]:
    """What the system shows of accelerators. Some of it may be left over, or of another system."""
    return [path for name in ACCELERATORS for path in sorted(DEVICES.glob(name))]


def plugins() -> Sequence[str]:
    """What is installed that lets JAX compute on something else than a CPU."""
    found = [entry.name for entry in entry_points(group="jax_plugins")]
    if namespace := find_spec("jax_plugins"):
        found += [plugin.name for plugin in iter_modules(namespace.submodule_search_locations)]
    return found + [name for name in ("libtpu",) if find_spec(name)]
