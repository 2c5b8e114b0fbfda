"""What comes out of a run: its summary, and its report."""

from contextlib import suppress
from importlib import import_module
from threading import Lock, Thread
from typing import Any

from jaxcnn.engine.evaluate import Evaluation
from jaxcnn.engine.feed import Feed
from jaxcnn.engine.program import Program
from jaxcnn.engine.state import TrainState
from jaxcnn.recipe import Recipe
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.progress import Progress
from jaxcnn.text.phrases import reason
from jaxcnn.train.display import Display

# Matplotlib's settings are the process's, and runs may end side by side.
_DRAWING = Lock()


def summary_of(
    recipe: Recipe,
    folder: RunFolder,
    feed: Feed,
    program: Program,
    progress: Progress,
    test: Evaluation | None,
    *,
    steps: int,
) -> dict[str, Any]:
    """`summary.json` of a run that has had its `steps`, and its test if it has one; see `fit`."""
    best = progress.best
    assert best is not None, "a run whose loss was never finite has no summary"
    summary = {
        "arch": recipe.arch,
        "dataset": recipe.dataset,
        "seed": recipe.seed,
        **({} if recipe.fold is None else {"fold": recipe.fold}),
        "params": program.num_params,
        "steps": steps,
        "seconds": progress.seconds,
        "val": {name: best[name] for name in (*program.task.metrics.figures, "loss", "n")},
        **({} if test is None else {"test": test.figures}),
        **progress.left_out(),
    }
    if (before := folder.extended_from()) is not None:
        summary["extended_from"] = before
    if feed.left_out:
        summary["left_out"] = feed.left_out
    return summary


def import_beside() -> None:
    """Begins to import what the report is drawn with, which takes two seconds.

    Best while XLA compiles, which leaves Python alone. What it raises, `draw_report` meets again.
    """

    def begin() -> None:
        with suppress(Exception):
            import_module("jaxcnn.train.run_report")

    Thread(target=begin, name="jaxcnn report").start()


def draw_report(
    folder: RunFolder,
    feed: Feed,
    program: Program,
    state: TrainState,
    test: Evaluation,
    display: Display,
) -> None:
    """Draws the run. What keeps it from that costs the pictures: the result is there.

    `state` is the one that was tested.
    """
    try:
        # Here, since what it draws with takes a second to import.
        from jaxcnn.train.run_report import write_run_report

        with _DRAWING:
            write_run_report(folder, feed, program, state, test)
    except Exception as error:  # Whatever a picture, a font or a disk makes it raise.
        display.say(
            f"{folder.report} is not whole ({reason(error)}); the figures are, in summary.json"
        )
