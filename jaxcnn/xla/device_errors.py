"""What JAX raises where it gets no device, or too little of a device's memory."""

import os
import re
import subprocess
import traceback

import jax

# JAX's words (xla_bridge.py), then the plugin's own, then JAX's advice in brackets.
_NO_BACKEND = re.compile(
    r"Unable to initialize backend '(\w+)': (.*?)\W*(?:\((?:set|you may) .*)?$"
)
_OF_MEMORY = (
    "Out of memory",
    "Ran out of memory",
    "ailed to allocate",
    "CUDA_ERROR_OUT_OF_MEMORY",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_ALLOC_FAILED",
    # What a GPU with no room for cuDNN ends in.
    "DNN library initialization failed",
)
# What libtpu 0.0.52 says of temporaries alone, and of a whole program.
_COUNTED = re.compile(
    r"(?:temporaries \(|Used )([\d.]+)([KMGT]?)"
    r"(?:\) exceeds available HBM \(| of )([\d.]+)([KMGT]?)(?:\)| hbm)"
)
# Of this package.
EXTRAS = ("cuda", "tpu")
TO_SHARE = (
    "wait for the programs that hold it, have all of them share it by "
    "XLA_PYTHON_CLIENT_PREALLOCATE=false or XLA_PYTHON_CLIENT_MEM_FRACTION=0.4 before the command, "
    "or compute without it by JAX_PLATFORMS=cpu"
)


def no_device(error: Exception) -> str | None:
    """One line where JAX did not get the devices that it should compute on; else None."""
    if isinstance(error, AssertionError):
        # What JAX has for $JAX_PLATFORMS=cuda and no GPU.
        *_, last = traceback.extract_tb(error.__traceback__)
        if "_default_backend" not in (last.line or ""):
            return None
        platforms = os.environ.get("JAX_PLATFORMS")
        return (
            f"JAX_PLATFORMS={platforms} asks for a device that is not here (in a container: "
            "docker run --gpus=all); JAX_PLATFORMS=cpu computes without it"
        )
    found = _NO_BACKEND.search(" ".join(str(error).split()))
    if not isinstance(error, RuntimeError) or found is None:
        return None
    name, reason = found.groups()
    if "not in the list of known backends" in reason:
        install = f"pip install 'jaxcnn[{name}]', or " if name in EXTRAS else ""
        return f"JAX_PLATFORMS asks for {name}, which is not installed; {install}JAX_PLATFORMS=cpu"
    if name != "cuda":
        return f"JAX cannot use the {name} ({reason}); JAX_PLATFORMS=cpu computes without it"
    return f"JAX cannot use the GPU ({reason}{_free_of_gpus()}); {TO_SHARE}"


def is_out_of_memory(error: Exception) -> bool:
    """Whether `error` is that a device's memory is full, said by a compiler or at a step."""
    return isinstance(error, jax.errors.JaxRuntimeError) and any(
        text in str(error) for text in _OF_MEMORY
    )


def out_of_memory(error: Exception) -> str | None:
    """One line where a device's memory is full and nothing is known of what it holds; else None."""
    if not is_out_of_memory(error):
        return None
    return (
        f"the device's memory is full ({str(error).splitlines()[0]}{_free_of_gpus()}); {TO_SHARE}"
    )


def bytes_counted(said: str) -> tuple[float, float] | None:
    """What a program takes and what there is, where the compiler counted both; else None."""
    found = _COUNTED.search(said)
    if found is None:
        return None
    used, used_prefix, available, available_prefix = found.groups()
    return _in_bytes(used, used_prefix), _in_bytes(available, available_prefix)


def _in_bytes(number: str, prefix: str) -> float:
    return float(number) * 1024 ** " KMGT".index(prefix or " ")


def _free_of_gpus() -> str:
    """What NVIDIA's driver says, to be added to a reason; nothing where it is not to be asked."""
    command = [
        "nvidia-smi",
        "--query-gpu=memory.free,memory.total",
        "--format=csv,noheader,nounits",
    ]
    try:
        said = subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=True
        ).stdout
        sizes = [[int(mebibytes) for mebibytes in line.split(",")] for line in said.splitlines()]
        gpus = [
            f"GPU {index} has {free:,} of {total:,} MiB free"
            for index, (free, total) in enumerate(sizes)
        ]
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""
    return "".join(f"; {gpu}" for gpu in gpus)
