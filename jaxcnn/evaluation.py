"""A finished or stopped run, measured again on any split."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jaxcnn.checkpoint import Checkpoints
from jaxcnn.data.transforms import Transform
from jaxcnn.errors import UserError
from jaxcnn.feed import Feed
from jaxcnn.program import build, evaluate
from jaxcnn.run_folder import RunFolder
from jaxcnn.state import eval_variables


def evaluate_run(
    workdir: str | Path,
    *,
    split: str = "test",
    data_dir: str | None = None,
    extra_transforms: Sequence[Transform] = (),
) -> dict[str, Any]:
    """`{"split", "step", "top1", "top5", "loss", "n"}` of a run's best checkpoint by validation.

    Args:
        workdir: the run's folder.
        split: "train", "val" or "test".
        data_dir: where the data is now; where the run had it if not given.
        extra_transforms: done to the images as the model would get them, a shift for one.

    Raises UserError if the folder holds no run, no validated checkpoint, or the data is missing.
    """
    folder = RunFolder(workdir)
    recipe = folder.read_recipe()
    recipe = replace(recipe, data_dir=data_dir or recipe.data_dir)
    feed = Feed(recipe)
    program = build(recipe, feed.spec, steps_per_epoch=feed.steps_per_epoch, total_steps=1)
    with Checkpoints(folder.checkpoints, read_only=True) as checkpoints:
        latest = checkpoints.latest_step()
        if latest is None:
            raise UserError(f"{folder.path} has no checkpoint yet; train first")
        _, progress = checkpoints.restore(latest, program.state_like)
        if progress["best"] is None:
            raise UserError(f"{folder.path} has not finished an epoch yet; train on")
        step = progress["best"]["step"]
        state, _ = checkpoints.restore(step, program.state_like)
    batches = feed.eval_batches(split, extra_transforms)
    evaluation = evaluate(program, eval_variables(state), batches)
    return {"split": split, "step": step, **evaluation.figures}
