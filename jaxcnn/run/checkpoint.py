"""Checkpoints of a run, by Orbax: the two latest, the best by validation, and the last epoch's."""

import json
import logging
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.errors import JaxRuntimeError
from jax.experimental import multihost_utils
from jax.sharding import SingleDeviceSharding
from orbax.checkpoint import checkpoint_managers

from jaxcnn.engine.state import TrainState
from jaxcnn.errors import RunError
from jaxcnn.files import own_files
from jaxcnn.files.disk_full import is_disk_full
from jaxcnn.models.spec import Variables
from jaxcnn.processes.distributed import is_first
from jaxcnn.run.digests import NAME, damage, has_digests, write_digests
from jaxcnn.run.progress import Progress
from jaxcnn.task.metrics import headline

PROGRESS_FILE = "metadata"


def validation_rank(val: dict[str, float]) -> tuple[float, float] | None:
    """Higher is better: by the headline figure, then by the lower loss; of equals the latest counts
    as the best. None where the loss is not finite: such an epoch is never the best."""
    if not math.isfinite(val["loss"]):
        return None
    name = headline(val)
    return -val["loss"] if name == "loss" else val[name], -val["loss"]


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Orbax would warn that a folder to be read alone is not written: three lines at each load."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(max(level, logging.ERROR))
    try:
        yield
    finally:
        logger.setLevel(level)


class _Needed(checkpoint_managers.PreservationPolicy):
    """Keeps the checkpoints at `steps`.

    Orbax's own policy for the best one knows the figures that this process saved, and would give
    up the best of a run that was resumed since.
    """

    def __init__(self) -> None:
        self.steps: set[int] = set()

    def should_preserve(
        self,
        checkpoints: Sequence[checkpoint_managers.PolicyCheckpointInfo],
        *,
        context: checkpoint_managers.PreservationContext,
    ) -> Sequence[bool]:
        return [info.step in self.steps for info in checkpoints]


class Checkpoints:
    """The `checkpoints/` folder of a run. Saving returns once the state is copied; writing goes on
    in the background, and a checkpoint appears in the folder whole or not at all.

    A checkpoint is the state, and the progress: what the host knows of the run (plain values); and
    digests of its files, by which one that was damaged later is told from a whole one.
    `read_only` leaves the folder as it is: half-written files there may be another process's.
    `run` tells the run's checkpoints from others', see `RunData.run`; of a checkpoint or a run of a
    version that had none, any will do. Runs of one process that go on at the same time share a
    lock, `writing`, and saving then returns once all is written: Orbax numbers what it writes
    process by process, and mixes up what is written at once.

    Raises UserError where something in the folder is a link or no file.
    """

    def __init__(
        self,
        folder: Path,
        *,
        read_only: bool = False,
        run: str | None = None,
        writing: AbstractContextManager[object] | None = None,
    ) -> None:
        self._writing = writing
        self._folder = folder.absolute()
        if read_only:
            own_files.refuse_foreign_in(self._folder)
        else:
            own_files.refuse_foreign(folders=[self._folder])
        self._run = run
        self._mark = {} if run is None else {"run": run}
        self._saving: int | None = None
        # Damage by step, as far as it was looked for; None for a whole checkpoint.
        self._known: dict[int, str | None] = {}
        self._needed = _Needed()
        policy = checkpoint_managers.AnyPreservationPolicy(
            [checkpoint_managers.LatestN(2), self._needed]
        )
        with _without_warnings() if read_only else nullcontext():
            self._manager = ocp.CheckpointManager(
                self._folder,
                options=ocp.CheckpointManagerOptions(
                    preservation_policy=policy,
                    cleanup_tmp_directories=not read_only,
                    read_only=read_only,
                    async_options=ocp.AsyncOptions(post_finalization_callback=self._add_digests),
                ),
                item_handlers={
                    "state": ocp.StandardCheckpointHandler(),
                    "progress": ocp.JsonCheckpointHandler(PROGRESS_FILE),
                },
            )

    def drop_damaged(self, say: Callable[[str], None]) -> None:
        """Sets damaged checkpoints later than the last whole one aside, and tells `say` of them.

        Raises RunError, naming them all, if there are checkpoints and none is whole.
        """
        steps = self._steps()
        # One process looks: all must go on from the same step.
        found = next((s for s in steps if self.damage(s) is None), 0) if is_first() else 0
        good = _of_first_process(found)
        damaged = [step for step in steps if step > good]
        if damaged and not good:
            reasons = "; ".join(f"{step}: {self._known.get(step)}" for step in damaged)
            raise RunError(
                f"every checkpoint in {self._folder} is damaged ({reasons}); put copies of them "
                "back, or start again in a new --workdir"
            )
        aside = self._folder.with_name("damaged")
        for step in damaged:
            say(
                f"checkpoint {step} is damaged ({self._known.get(step)}) and was put into {aside}; "
                f"going on from checkpoint {good}"
            )
            if is_first():
                shutil.rmtree(aside / str(step), ignore_errors=True)
                aside.mkdir(exist_ok=True)
                (self._folder / str(step)).rename(aside / str(step))
        if is_first() and good and (note := self.unchecked(good)):
            say(note)
        if damaged:
            multihost_utils.sync_global_devices("damaged checkpoints are out of the way")
            self._manager.reload()
            self._known.clear()

    def damage(self, step: int) -> str | None:
        """What is wrong with the checkpoint at `step`; None if it is whole."""
        if step not in self._known:
            self._known[step] = self._look_for_damage(step)
        return self._known[step]

    def unchecked(self, step: int) -> str | None:
        """A line for the user where damage to the checkpoint at `step` would not be noticed."""
        if has_digests(self._folder / str(step)):
            return None
        return f"checkpoint {step} in {self._folder} has no {NAME}: what it holds is not checked"

    def _look_for_damage(self, step: int) -> str | None:
        folder = self._folder / str(step)
        if has_digests(folder):
            return damage(folder) or self._not_its_own(step)
        if jax.process_count() > 1:  # Orbax restores on all of them together.
            return "it has no digests"
        try:
            self._restored_variables(step)
            return self._not_its_own(step)
        except Exception as error:  # Whatever Orbax and its file formats raise.
            return f"it cannot be restored: {type(error).__name__}"

    def _not_its_own(self, step: int) -> str | None:
        _, run = self._progress(step)
        if None in (run, self._run) or run == self._run:
            return None
        return "it is another run's"

    def _add_digests(self) -> None:
        """Before Orbax gives a checkpoint that it has written its name, so that both are there."""
        for folder in self._folder.glob(f"{self._saving}.*"):
            write_digests(folder)

    def _steps(self) -> list[int]:
        return sorted(self._manager.all_steps(), reverse=True)

    def save(self, state: TrainState, progress: Progress, *, evaluated: bool) -> None:
        """Saves at `state.step`, right after the epoch was `evaluated` or at another time.

        A step that is already saved is replaced if it was not yet evaluated and now is, and is
        left as it is otherwise: the run is deterministic. Of the older checkpoints the latest, the
        best and that of the last epoch's end, by what `progress` says, are kept.
        """
        step = int(state.step)
        items = ocp.args.Composite(
            state=ocp.args.StandardSave(state),
            progress=ocp.args.JsonSave(progress.to_json() | self._mark),
        )
        if step == self.latest_step():
            if not evaluated:
                return
            self.wait()  # It may be under way still.
            self._manager.delete(step)
        best = progress.best
        self._needed.steps = {progress.evaluated_step} | ({best["step"]} if best else set())
        self.wait()
        self._saving = step
        self._known.pop(step, None)
        with self._writing or nullcontext():
            # Asked whether to, Orbax would mix the step with the looks of `SharedStopFlag`.
            self._manager.save(step, args=items, force=True)
            if self._writing is not None:
                self.wait()

    def latest_step(self) -> int | None:
        return self._manager.latest_step()

    def best_step(self) -> int | None:
        """The step of the best validated checkpoint; None while there is none.

        Raises RunError where no checkpoint tells.
        """
        steps = self._steps()
        for step in steps:
            folder = self._folder / str(step)
            if has_digests(folder) and damage(folder, within="progress/") is not None:
                continue
            if self._not_its_own(step) is not None:
                continue
            best = self._progress(step)[0].best
            if best is not None and best["step"] not in steps:
                raise RunError(
                    f"checkpoint {step} in {self._folder} names {best['step']} as the best, which "
                    "is not there; put a copy of it back"
                )
            return None if best is None else best["step"]
        if steps:
            raise RunError(f"every checkpoint in {self._folder} is damaged, or another run's")
        return None

    def _progress(self, step: int) -> tuple[Progress, str | None]:
        """With the mark of the run that saved it, if there is one. Of this process alone: Orbax
        would have all of them restore it together."""
        with self._one_line_if_not_restored(step):
            path = self._folder / str(step) / "progress" / PROGRESS_FILE
            values = json.loads(own_files.read(path))
            return Progress.from_json(values), values.get("run")

    def restore_variables(self, step: int) -> Variables:
        """The weights saved at `step`, as evaluation uses them, whatever the run's shapes are.

        Raises RunError if they are damaged.
        """
        self._refuse_damaged(step)
        with self._one_line_if_not_restored(step):
            return self._restored_variables(step)

    def _restored_variables(self, step: int) -> Variables:
        # Onto one device of this process: those that wrote it need not be here.
        here = SingleDeviceSharding(jax.local_devices()[0])
        like = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here),
            self._manager.item_metadata(step)["state"],
        )
        whole = ocp.args.Composite(state=ocp.args.StandardRestore(like))
        state = self._manager.restore(step, args=whole)["state"]
        averaged = state["ema_params"] is not None
        prefix = "ema_" if averaged else ""
        return {
            "params": state[f"{prefix}params"],
            "batch_stats": state[f"{prefix}batch_stats"] or {},
        }

    @contextmanager
    def _one_line_if_not_restored(self, step: int) -> Iterator[None]:
        """Orbax and its file formats raise whatever they like at files that are not as written."""
        try:
            yield
        except (RunError, JaxRuntimeError, MemoryError):
            raise
        except Exception as error:
            if is_disk_full(error):
                raise
            raise RunError(
                f"checkpoint {step} in {self._folder} cannot be restored ({type(error).__name__}): "
                "it is damaged, or another run's; put a copy of its own back, or start again in a "
                "new --workdir"
            ) from error

    def wait(self) -> None:
        """Until everything saved is on disk."""
        self._manager.wait_until_finished()

    def restore(self, step: int, like: TrainState) -> tuple[TrainState, Progress]:
        """The state and progress saved at `step`, each array as `like` has it placed.

        Args:
            like: shapes, dtypes and shardings: `jax.eval_shape`'s or a real state.

        Raises RunError if they are damaged, or of another tree than `like`.
        """
        self._refuse_damaged(step)
        with self._one_line_if_not_restored(step):
            if _names(self._manager.item_metadata(step)["state"]) != _names(like):
                raise RunError(
                    f"checkpoint {step} in {self._folder} holds another state than the recipe's "
                    "optimiser has in this version, so that the run cannot go on; give another "
                    "--workdir"
                )
            state = self._manager.restore(
                step, args=ocp.args.Composite(state=ocp.args.StandardRestore(like))
            )["state"]
        return state, self._progress(step)[0]

    def _refuse_damaged(self, step: int) -> None:
        reason = None
        if is_first():
            checked = has_digests(self._folder / str(step))
            reason = self.damage(step) if checked else self._not_its_own(step)
        if _of_first_process(reason is not None):
            raise RunError(
                f"checkpoint {step} in {self._folder} is damaged ({reason}), and no other is used "
                "in its place; put a copy of it back, or make it again in a new --workdir"
            )

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._manager.close()


def _names(tree: Any) -> set[str]:
    """Of a state's arrays, and of what Orbax knows of a saved one's, which has no classes."""
    paths = (path for path, _ in jax.tree_util.tree_leaves_with_path(tree))
    return {jax.tree_util.keystr(path, simple=True, separator="/") for path in paths}


def _of_first_process(value: int) -> int:
    """The value that the first process has, on all of them."""
    return int(multihost_utils.broadcast_one_to_all(np.int32(value)))
