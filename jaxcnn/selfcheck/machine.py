"""What there is: versions, devices and their memory, the CPU, the driver."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import jax

import jaxcnn
from jaxcnn.files.cpu_info import cpu_model
from jaxcnn.selfcheck.outcome import Outcome
from jaxcnn.xla.flags import gpu_left_idle
from jaxcnn.xla.platform import backend_version
from jaxcnn.xla.support import unsupported

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy", "torch", "timm")
NVIDIA_SMI = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")


def check_machine() -> Outcome:
    platform_name = jax.default_backend()
    figures = {
        "versions": versions(),
        "backend": platform_name,
        "backend_version": backend_version(),
        "driver": driver(),
        "devices": [describe(device) for device in jax.devices()],
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": platform.platform(),
    }
    notes = []
    if platform_name == "cpu":
        notes += [
            f"this jaxlib lacks {name}: steps are slower than in docs/speed.md"
            for name in unsupported()
        ]
        if idle := gpu_left_idle():
            notes.append(idle)
    return Outcome(figures, notes=tuple(notes))


def versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "jaxcnn": jaxcnn.__version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def describe(device: Any) -> dict[str, Any]:
    """Kind, and memory in bytes where the device tells."""
    memory = device.memory_stats() or {}
    return {"kind": device.device_kind, "bytes": memory.get("bytes_limit")}


def driver() -> str | None:
    """The version of NVIDIA's, as the system knows it."""
    try:
        done = subprocess.run(NVIDIA_SMI, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.splitlines()[0].strip() if done.returncode == 0 and done.stdout else None
