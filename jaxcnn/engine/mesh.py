"""Devices as a mesh, and how state and batches lie on it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jaxcnn.errors import UserError
from jaxcnn.recipe import Mesh

Devices = Sequence[Any]  # Of jax.Device, which is no type to a type checker.
BATCH_AXES = ("data", "fsdp")
# A smaller array costs more to gather than it saves.
SMALLEST_SHARDED = 2**14


def make_mesh(config: Mesh, devices: Devices | None = None) -> jax.sharding.Mesh:
    """A (data, fsdp) mesh over the first of `devices` (all there are, if not given).

    Raises UserError if there are too few, or several processes' are not all used.
    """
    live = devices is None
    devices = jax.devices() if devices is None else devices
    available = len(devices)
    data = config.data if config.data != -1 else max(1, available // config.fsdp)
    if min(data, config.fsdp) < 1 or data * config.fsdp > available:
        raise UserError(
            f"--mesh.data={config.data} --mesh.fsdp={config.fsdp} does not fit {available} "
            f"device(s); their product may be at most {available}"
        )
    first = devices[: data * config.fsdp]
    shape = (data, config.fsdp)
    if live and jax.process_count() > 1:
        if len(first) < available:
            raise UserError(
                f"--mesh.data={config.data} --mesh.fsdp={config.fsdp} leaves devices of the "
                f"{jax.process_count()} processes unused; their product must be {available}"
            )
        # A process's devices stay together, so that it has consecutive rows of a batch.
        first = sorted(first, key=lambda device: (device.process_index, device.id))
        return jax.sharding.Mesh(
            np.array(first).reshape(shape), BATCH_AXES, axis_types=(AxisType.Auto, AxisType.Auto)
        )
    return jax.make_mesh(shape, BATCH_AXES, (AxisType.Auto, AxisType.Auto), devices=first)


def mesh_here(config: Mesh) -> Mesh:
    """The mesh of a run that was trained elsewhere; all devices, if they are too few for that."""
    return config if max(1, config.data) * config.fsdp <= len(jax.devices()) else Mesh()


def replicated(mesh: jax.sharding.Mesh) -> NamedSharding:
    return NamedSharding(mesh, PartitionSpec())


def batch_sharding(mesh: jax.sharding.Mesh) -> NamedSharding:
    """Rows over every device."""
    return NamedSharding(mesh, PartitionSpec(BATCH_AXES))


def state_shardings(state: Any, mesh: jax.sharding.Mesh) -> Any:
    """A sharding for each array: split over fsdp on its largest dimension that divides.

    `state` may hold arrays or shapes. Arrays under 2**14 elements, and those with no dimension
    that fsdp divides, are copied to every device.
    """
    fsdp = mesh.shape["fsdp"]

    def sharding(leaf: Any) -> NamedSharding:
        divisible = [i for i, size in enumerate(leaf.shape) if size % fsdp == 0]
        if fsdp == 1 or leaf.size < SMALLEST_SHARDED or not divisible:
            return replicated(mesh)
        axis = max(divisible, key=lambda i: leaf.shape[i])
        return NamedSharding(mesh, PartitionSpec(*[None] * axis, "fsdp"))

    return jax.tree.map(sharding, state)


def check_batch_size(batch_size: int, parts: int, mesh: jax.sharding.Mesh) -> None:
    """Raises UserError unless `parts` equal parts of a batch split evenly over the devices."""
    unit = mesh.size * parts
    if batch_size < 1 or batch_size % unit:
        below = max(unit, batch_size // unit * unit)
        raise UserError(
            f"--batch-size={batch_size} does not split over {mesh.size} device(s) x {parts} "
            f"part(s); {below} does"
        )


def to_devices(batch: Mapping[str, np.ndarray], sharding: NamedSharding) -> dict[str, jax.Array]:
    """This process's rows of a batch -> the global batch on the devices."""
    return {
        name: jax.make_array_from_process_local_data(sharding, rows) for name, rows in batch.items()
    }


def place(array: jax.Array | np.ndarray, sharding: NamedSharding) -> jax.Array:
    """An array that every process has whole -> one that lies as `sharding` says."""
    if sharding.is_fully_addressable:
        return jax.device_put(array, sharding)
    return jax.make_array_from_callback(array.shape, sharding, np.asarray(array).__getitem__)


def bytes_on_a_device(tree: Any) -> int:
    """Bytes of the part of each array that lies on one device."""

    def size(leaf: Any) -> int:
        sharding = getattr(leaf, "sharding", None)
        shape = leaf.shape if sharding is None else sharding.shard_shape(leaf.shape)
        itemsize = 4 if jnp.issubdtype(leaf.dtype, jax.dtypes.extended) else leaf.dtype.itemsize
        return math.prod(shape) * itemsize

    return sum(size(leaf) for leaf in jax.tree.leaves(tree))
