"""Which kind of device computes: an operation with a lowering of its own on CPU, and the CPU."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import jax
from jax import lax


@partial(jax.jit, static_argnums=(0, 1, 2))
def per_platform(
    cpu: Callable[..., jax.Array],
    default: Callable[..., jax.Array],
    static: tuple[Hashable, ...],
    *arrays: jax.Array,
) -> jax.Array:
    """`cpu(*static, *arrays)` on CPU, `default(*static, *arrays)` elsewhere.

    The functions should be a module's own: a network calls few operations on few shapes many times,
    and jit traces and lowers each (functions, static, shapes) once. Untold, it would trace the
    lowerings for both platforms at every call.
    """
    return lax.platform_dependent(
        *arrays, cpu=partial(cpu, *static), default=partial(default, *static)
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
