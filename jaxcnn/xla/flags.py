"""XLA's flags that a CPU is faster with, and which kind of device will compute."""

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
# What Linux shows of a TPU, of a GPU by NVIDIA, and of one by AMD or in WSL.
TPU = ("accel[0-9]*", "vfio/[0-9]*")
NVIDIA = ("nvidia[0-9]*",)
OTHER_GPUS = ("kfd", "dxg")
DEVICES = Path("/dev")


def computes_on_cpu() -> bool:
    """Whether JAX will; it cannot be asked, for it reads the flags when it is first used."""
    if platforms := os.environ.get("JAX_PLATFORMS"):
        return platforms.split(",")[0] == "cpu"
    on_tpu = devices(TPU) and "libtpu" in plugins()
    return not (on_tpu or (devices(NVIDIA + OTHER_GPUS) and _gpu_plugins()))


def gpu_left_idle() -> str | None:
    """One line where NVIDIA's driver shows a GPU and no JAX that is installed computes on it.

    None where that is not so, and where $JAX_PLATFORMS says what is to compute. WSL's /dev/dxg is
    there without such a GPU, too, and says nothing.
    """
    found = devices(NVIDIA)
    if os.environ.get("JAX_PLATFORMS") or not found or _gpu_plugins():
        return None
    return (
        f"there is a GPU here ({found[0]}) but this JAX computes on the CPU only: "
        "pip install 'jaxcnn[cuda]'"
    )


def platforms_without_tpu() -> str | None:
    """What $JAX_PLATFORMS should be where libtpu is installed and there is no TPU; else None.

    JAX would load libtpu, which prints five lines about the TPU that it does not find. Plugins that
    are not known here keep what JAX makes of them.
    """
    others = _gpu_plugins()
    known = all("cuda" in name for name in others)
    if os.environ.get("JAX_PLATFORMS") or devices(TPU) or "libtpu" not in plugins() or not known:
        return None
    return "cuda,cpu" if others and devices(NVIDIA + OTHER_GPUS) else "cpu"


def devices(names: Sequence[str]) -> list[Path]:
    """What the system shows of such devices. Some of it may be left over, or of another system."""
    return [path for name in names for path in sorted(DEVICES.glob(name))]


def plugins() -> Sequence[str]:
    """What is installed that lets JAX compute on something else than a CPU."""
    found = [entry.name for entry in entry_points(group="jax_plugins")]
    if namespace := find_spec("jax_plugins"):
        found += [plugin.name for plugin in iter_modules(namespace.submodule_search_locations)]
    return found + [name for name in ("libtpu",) if find_spec(name)]


def _gpu_plugins() -> list[str]:
    return [name for name in plugins() if name != "libtpu"]
