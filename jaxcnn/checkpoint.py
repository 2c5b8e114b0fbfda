"""Checkpoints of a run, by Orbax: the two latest, and the best by validation."""

from pathlib import Path
from types import TracebackType
from typing import Any

import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from jaxcnn.metrics import headline
from jaxcnn.models.spec import Variables
from jaxcnn.state import TrainState

Progress = dict[str, Any]


def validation_rank(val: dict[str, float]) -> float:
    """Higher is better; of equals the latest counts as the best."""
    return val[headline(val)]


class Checkpoints:
    """The `checkpoints/` folder of a run. Saving returns once the state is copied; writing goes on
    in the background, and a checkpoint appears in the folder whole or not at all.

    A checkpoint is the state, and the progress: what the host knows of the run (plain values).
    `read_only` leaves the folder as it is: half-written files there may be another process's.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        policy = checkpoint_managers.AnyPreservationPolicy(
            [
                checkpoint_managers.LatestN(2),
                checkpoint_managers.BestN(
                    get_metric_fn=validation_rank, n=1, keep_checkpoints_without_metrics=False
                ),
            ]
        )
        self._manager = ocp.CheckpointManager(
            folder.absolute(),
            options=ocp.CheckpointManagerOptions(
                preservation_policy=policy,
                cleanup_tmp_directories=not read_only,
                read_only=read_only,
            ),
            item_handlers={
                "state": ocp.StandardCheckpointHandler(),
                "progress": ocp.JsonCheckpointHandler(),
            },
        )

    def save(self, state: TrainState, progress: Progress, val: dict[str, float] | None) -> None:
        """Saves at `state.step`. `val`: validation figures, where the epoch was just evaluated.

        A step that is already saved is replaced if it was not yet evaluated and now is, and is
        left as it is otherwise: the run is deterministic.
        """
        step = int(state.step)
        items = ocp.args.Composite(
            state=ocp.args.StandardSave(state), progress=ocp.args.JsonSave(progress)
        )
        if step == self.latest_step():
            if val is None:
                return
            self._manager.delete(step)
        # Asked whether to, Orbax would mix the step with the looks of `SharedStopFlag`.
        self._manager.save(step, args=items, metrics=val, force=True)

    def latest_step(self) -> int | None:
        return self._manager.latest_step()

    def best_step(self) -> int | None:
        """The step of the best validated checkpoint; None while there is none.

        As the run itself knows it: Orbax's own `best_step` is the latest one wherever a
        preservation policy decides what is kept.
        """
        latest = self.latest_step()
        if latest is None:
            return None
        items = ocp.args.Composite(progress=ocp.args.JsonRestore())
        best = self._manager.restore(latest, args=items)["progress"]["best"]
        return best and best["step"]

    def restore_variables(self, step: int) -> Variables:
        """The weights saved at `step`, as evaluation uses them, whatever the run's shapes are."""
        whole = ocp.args.Composite(state=ocp.args.StandardRestore())
        state = self._manager.restore(step, args=whole)["state"]
        averaged = state["ema_params"] is not None
        prefix = "ema_" if averaged else ""
        return {
            "params": state[f"{prefix}params"],
            "batch_stats": state[f"{prefix}batch_stats"] or {},
        }

    def wait(self) -> None:
        """Until everything saved is on disk."""
        self._manager.wait_until_finished()

    def restore(self, step: int, like: TrainState) -> tuple[TrainState, Progress]:
        """The state and progress saved at `step`, each array as `like` has it placed.

        Args:
            like: shapes, dtypes and shardings: `jax.eval_shape`'s or a real state.
        """
        items = self._manager.restore(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardRestore(like), progress=ocp.args.JsonRestore()
            ),
        )
        return items["state"], items["progress"]

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._manager.close()
