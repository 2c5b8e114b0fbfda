"""A trace of some steps, for TensorBoard's or Perfetto's profiler: what a run's time goes to."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import jax

from jaxcnn.errors import UserError


def steps_to_profile(text: str) -> range:
    """FIRST:LAST, counted from 1, both of them included. Raises UserError for anything else."""
    first, colon, last = text.partition(":")
    if not (colon and first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last)):
        raise UserError(f"--profile={text} is not FIRST:LAST, two steps counted from 1, as 20:25")
    return range(int(first), int(last) + 1)


class StepProfile:
    """Writes a `jax.profiler` trace of `steps` into `folder`, if there are any.

    In the trace each step has its number, by `jax.profiler.StepTraceAnnotation`. `say` is told
    where it is, or at the end that there is none.
    """

    def __init__(self, steps: range, folder: Path, say: Callable[[str], None]) -> None:
        self._steps, self._folder, self._say = steps, folder, say
        self._first: int | None = None  # of the steps in the trace
        self._done = not steps

    def next_edge(self, step: int) -> float:
        """The next step after `step` that steps are not to be dispatched across."""
        edges = (self._steps.start - 1, self._steps.stop - 1) if self._steps else ()
        return min((edge for edge in edges if edge > step), default=math.inf)

    def step(self, step: int) -> AbstractContextManager[object]:
        """To be entered while `step` is given to the devices."""
        if step in self._steps and self._first is None:
            jax.profiler.start_trace(str(self._folder))
            self._first = step
        return jax.profiler.StepTraceAnnotation("train", step_num=step)

    def ends_at(self, step: int) -> bool:
        """Whether the trace is to end, now that `step` was given: once the devices are done."""
        return self._first is not None and not self._done and step >= self._steps[-1]

    def end(self) -> None:
        jax.profiler.stop_trace()
        self._done = True
        self._say(f"profiled steps {self._first} to {self._steps[-1]}: {self._folder}")

    def close(self) -> None:
        """At the run's end, whatever ended it."""
        if self._done:
            return
        if self._first is not None:
            jax.profiler.stop_trace()
            self._say(f"the profile in {self._folder} ends before step {self._steps[-1]}")
        else:
            self._say(
                f"nothing was profiled: steps {self._steps[0]} to {self._steps[-1]} were not among "
                "those that this process trained"
            )
