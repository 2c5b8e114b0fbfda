"""The training step compiled for many devices: one program over a mesh, or a copy for each."""

from typing import Any, Protocol

import jax
import numpy as np

from jaxcnn.engine.mesh import batch_sharding, replicated
from jaxcnn.engine.state import TrainState
from jaxcnn.engine.step import Sums, TrainStep
from jaxcnn.ops.batch_axis import BATCH_AXIS
from jaxcnn.task.task import Batch


class CompiledStep(Protocol):
    """`step(state, batch, key) -> (state, metrics)` that donates the state."""

    def __call__(
        self, state: TrainState, batch: Batch, key: jax.Array, /
    ) -> tuple[TrainState, Sums]: ...

    def lower(self, state: Any, batch: Any, key: Any, /) -> Any:
        """Ahead of a call, for shapes: a `jax.stages.Lowered`."""
        ...


def under_jit(
    step: TrainStep,
    mesh: jax.sharding.Mesh,
    state_shardings: Any,
    options: dict[str, Any] | None = None,
) -> CompiledStep:
    """One program over all devices of the mesh; arrays are global and the compiler divides them.

    `options` are XLA's, for this program.
    """
    return jax.jit(
        step,
        donate_argnums=0,
        out_shardings=(state_shardings, replicated(mesh)),
        compiler_options=options,
    )


class UnderPmap:
    """The step under `jax.pmap`: each device runs it on its rows and with its copy of the state.

    Called as the step under `jit` is: takes and gives the same global arrays, the state being whole
    on every device.
    """

    def __init__(self, step: TrainStep, mesh: jax.sharding.Mesh) -> None:
        self._num_devices = mesh.size
        self._step: Any = jax.pmap(
            step,
            BATCH_AXIS,
            in_axes=(None, 0, None),
            out_axes=(None, None),
            # In the order that rows lie on the mesh, all processes' devices together.
            devices=tuple(np.ravel(mesh.devices)),
            axis_size=mesh.size,
            donate_argnums=0,
        )
        # A device's rows stay where they are.
        self._split = jax.jit(self._with_device_axis, out_shardings=batch_sharding(mesh))

    def __call__(self, state: TrainState, batch: Batch, key: jax.Array) -> tuple[TrainState, Sums]:
        return self._step(state, self._split(batch), key)

    def lower(self, state: Any, batch: Any, key: Any) -> Any:
        return self._step.lower(state, self._split.eval_shape(batch), key)

    def _with_device_axis(self, batch: Batch) -> Batch:
        def split(x: jax.Array) -> jax.Array:
            return x.reshape(self._num_devices, -1, *x.shape[1:])

        return jax.tree.map(split, batch)
