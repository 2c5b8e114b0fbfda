"""Which kind of device computes: operations with lowerings of their own on some, and the CPU."""

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import jax
from jax import lax

# As `lax.platform_dependent` knows them.
GPUS = ("cuda", "rocm")


@partial(jax.jit, static_argnums=(0, 1, 2), static_argnames="gpu")
def per_platform(
    cpu: Callable[..., Any],
    default: Callable[..., Any],
    static: tuple[Hashable, ...],
    *arrays: jax.Array,
    gpu: Callable[..., Any] | None = None,
) -> Any:
    """`cpu(*static, *arrays)` on CPU, `default(*static, *arrays)` elsewhere.

    `gpu` is for GPUs, where it is given.

    The functions should be a module's own: a network calls few operations on few shapes many times,
    and jit traces and lowers each (functions, static, shapes) once. Untold, it would trace the
    lowerings for both platforms at every call.
    """
    on_gpus = {} if gpu is None else dict.fromkeys(GPUS, partial(gpu, *static))
    return lax.platform_dependent(
        *arrays, cpu=partial(cpu, *static), default=partial(default, *static), **on_gpus
    )


def one_cpu() -> Any:  # A jax.Device, which is no type to a type checker.
    """A CPU of this process, beside whatever else there is; None where JAX has no CPU backend."""
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:
        return None


def backend_version() -> str:
    """What computes, in its own words, on one line: for NVIDIA the version of CUDA is in it."""
    return " ".join(jax.devices()[0].client.platform_version.split())
