"""The training step compiled for TPUs that are not here, and what the compiler says of it."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import topologies
from jax.sharding import NamedSharding, PartitionSpec

from jaxcnn.engine.mesh import Devices
from jaxcnn.engine.program import Program
from jaxcnn.errors import RunError, UserError
from jaxcnn.plan.chips import chip_of
from jaxcnn.plan.collectives import Collective, collectives
from jaxcnn.plan.largest_batch import DoesNotFit
from jaxcnn.xla.device_errors import bytes_counted


@dataclass(frozen=True)
class StepCost:
    """One step on one chip, as the compiler counts.

    Attributes:
        state_bytes: arguments: the state, which the result replaces, and the batch.
        temporary_bytes: activations, gradients and what else lives within a step.
        code_bytes: the program.
        flops: floating point operations.
        hbm_bytes: read from and written to the chip's memory.
        collectives: what is sent between chips.
    """

    state_bytes: int
    temporary_bytes: int
    code_bytes: int
    flops: float
    hbm_bytes: float
    collectives: dict[str, Collective]

    @property
    def used_bytes(self) -> int:
        return self.state_bytes + self.temporary_bytes + self.code_bytes


def topology_devices(topology: str) -> Devices:
    """The devices of a TPU topology, `v5e:4x4`, for the compiler only.

    Raises UserError where libtpu is missing or in use, or such a topology does not exist.
    """
    chip = chip_of(topology)
    if find_spec("libtpu") is None:
        raise UserError("--topology needs libtpu, the TPU's compiler: pip install '.[tpu]'")
    # There is no TPU whose metadata could be asked; libtpu complains where these are not set.
    os.environ["TPU_SKIP_MDS_QUERY"] = "1"
    os.environ.setdefault("TPU_WORKER_HOSTNAMES", "localhost")
    os.environ.setdefault("TPU_ACCELERATOR_TYPE", "v5litepod-4")
    try:
        described = topologies.get_topology_desc(
            platform="tpu", topology_name=topology, **dict(chip.options)
        )
    except jax.errors.JaxRuntimeError as error:
        reason = str(error).splitlines()[0]
        if "lockfile" in reason:
            raise UserError(
                "libtpu is in use by another process and serves one at a time; wait until that ends"
            ) from error
        raise UserError(f"--topology={topology} is none: {reason}") from error
    return described.devices


def step_cost(program: Program, batch_size: int, image_shape: tuple[int, int, int]) -> StepCost:
    """Compiles the training step for a batch of uint8 images [batch_size, *image_shape].

    Raises DoesNotFit where the compiler finds that it needs more memory than there is, RunError
    where it fails otherwise.
    """
    rows = program.rows
    batch = {
        "image": jax.ShapeDtypeStruct((batch_size, *image_shape), jnp.uint8, sharding=rows),
        "label": jax.ShapeDtypeStruct((batch_size,), jnp.int32, sharding=rows),
    }
    everywhere = NamedSharding(rows.mesh, PartitionSpec())
    key = jax.ShapeDtypeStruct(program.step_key.shape, program.step_key.dtype, sharding=everywhere)
    train_step: Any = program.train_step
    try:
        compiled = train_step.lower(program.state_like, batch, key).compile()
    except jax.errors.JaxRuntimeError as error:
        if problem := out_of_memory(str(error)):
            raise problem from error
        reason = str(error).splitlines()[0]
        raise RunError(f"the TPU's compiler cannot compile the step: {reason}") from error
    memory, cost = compiled.memory_analysis(), compiled.cost_analysis()
    return StepCost(
        state_bytes=memory.argument_size_in_bytes
        + memory.output_size_in_bytes
        - memory.alias_size_in_bytes,
        temporary_bytes=memory.temp_size_in_bytes,
        code_bytes=memory.generated_code_size_in_bytes,
        flops=cost["flops"],
        hbm_bytes=cost["bytes accessed"],
        collectives=collectives(compiled.as_text()),
    )


def out_of_memory(said: str) -> DoesNotFit | None:
    """The compiler's message of too little memory, in bytes; None for any other message."""
    counted = bytes_counted(said)
    return DoesNotFit(*counted) if counted else None
