"""What a run does at a step whose loss or gradient is not finite, as its recipe says.

Each is a function of the step and the run's progress, called in the order of the steps. It raises
`Diverged` where the run is to end, or `TakenBack` where its weights are to be those of an earlier
step; where it returns, the step is left out, and what it returns is said.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NoReturn

from jaxcnn.errors import RunError
from jaxcnn.recipe import Recipe
from jaxcnn.run.checkpoint import Checkpoints
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.progress import Progress

AtNotFinite = Callable[[int, Progress], str]

# A run that is to live with such steps ends after so many left out one after the other, or so many
# times back: it would learn nothing more.
MOST_SKIPPED_IN_A_ROW = 10
MOST_ROLLBACKS = 10


class LossNotFinite(RunError):
    """A run ended since its loss or gradient was not finite: by its recipe, not by its machine."""


class Diverged(Exception):
    """The run is to end at `step`; `note` leads to what may help."""

    def __init__(self, step: int, note: str) -> None:
        super().__init__(f"not finite at step {step}")
        self.step, self.note = step, note


class TakenBack(Exception):
    """The run is to be taken back, and to go on from `step` with the weights of before."""

    def __init__(self, step: int) -> None:
        super().__init__(f"not finite at step {step}")
        self.step = step


def at_not_finite(recipe: Recipe) -> AtNotFinite:
    return {"stop": stop, "skip": skip, "rollback": roll_back}[recipe.on_nan]


def stop(step: int, progress: Progress) -> NoReturn:
    raise Diverged(step, "--on-nan=skip or rollback goes on from there; or, in a new --workdir,")


def skip(step: int, progress: Progress) -> str:
    before = progress.skipped
    progress.skipped = replace(before, steps=before.steps + 1, in_a_row=before.in_a_row + 1)
    if progress.skipped.in_a_row == MOST_SKIPPED_IN_A_ROW:
        raise Diverged(step, f"nor was it at the {MOST_SKIPPED_IN_A_ROW - 1} steps before;")
    count = progress.skipped.steps
    return f"step {step} is left out: loss or gradient is not finite ({count} so far)"


def roll_back(step: int, progress: Progress) -> NoReturn:
    progress.rollbacks = [*progress.rollbacks, step]
    if len(progress.rollbacks) > MOST_ROLLBACKS:
        raise Diverged(step, f"after {MOST_ROLLBACKS} times back;")
    raise TakenBack(step)


@contextmanager
def one_line_if_diverged(
    recipe: Recipe, folder: RunFolder, checkpoints: Checkpoints
) -> Iterator[None]:
    try:
        yield
    except Diverged as end:
        checkpoints.wait()
        latest = checkpoints.latest_step()
        good = "there is no checkpoint yet" if latest is None else f"the last good one is {latest}"
        raise LossNotFinite(
            f"loss or gradient is not finite at step {end.step}; {good} in {folder.checkpoints}; "
            f"{end.note} a lower --optim.lr (now {recipe.optim.lr:g}) or --optim.clip-norm=1 may "
            "help"
        ) from end
