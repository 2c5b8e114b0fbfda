"""Training steps that several threads ask for, each for a run of its own, done as one program."""

import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxcnn.engine.abreast import batch_of
from jaxcnn.engine.compile import CompiledStep
from jaxcnn.engine.program import Program
from jaxcnn.engine.state import TrainState
from jaxcnn.engine.step import Sums


class Call(NamedTuple):
    """What `Program.train` is called with."""

    state: TrainState
    batch: Mapping[str, Any]
    key: jax.Array


class Rendezvous:
    """The `train` of each of `num_runs` runs of one program, which differ by their seeds alone.

    A call waits for those of all the others that are under way; together they are one program, see
    `jaxcnn.engine.abreast`. Where they ask for unequal numbers of steps, since one was stopped at
    another place than the rest, each is computed alone.
    """

    def __init__(self, program: Program, num_runs: int) -> None:
        self._program = program
        self._num_runs = num_runs
        self._abreast = program.train_abreast(num_runs)
        self._changed = threading.Condition()
        self._under_way = set(range(num_runs))
        self._calls: dict[int, Call] = {}
        self._results: dict[int, tuple[TrainState, Sums] | BaseException] = {}
        self._ahead: Ahead | None = None

    def of_run(self, run: int) -> CompiledStep:
        """The `train` of a run, the first being 0."""
        return OfRun(self, run)

    def leave(self, run: int) -> None:
        """The run calls no more, and is not waited for."""
        with self._changed:
            self._under_way.discard(run)
            self._compute_if_all_called()

    def call(self, run: int, call: Call) -> tuple[TrainState, Sums]:
        with self._changed:
            self._calls[run] = call
            self._compute_if_all_called()
            self._changed.wait_for(lambda: run in self._results)
            result = self._results.pop(run)
        if isinstance(result, BaseException):
            raise result
        return result

    def lower(self, like: Call) -> "Ahead":
        """The program of all runs, traced once."""
        with self._changed:
            if self._ahead is None:
                self._ahead = Ahead(self._abreast.lower(*self._together([like] * self._num_runs)))
            return self._ahead

    def _compute_if_all_called(self) -> None:
        if not self._calls or self._calls.keys() != self._under_way:
            return
        calls, self._calls = self._calls, {}
        try:
            self._results.update(self._computed(calls))
        except BaseException as error:
            self._results.update(dict.fromkeys(calls, error))
        self._changed.notify_all()

    def _computed(self, calls: Mapping[int, Call]) -> dict[int, tuple[TrainState, Sums]]:
        if len({int(call.batch.get("count", 1)) for call in calls.values()}) > 1:
            return {run: self._program.train(*call) for run, call in calls.items()}
        # For a run that is over another stands in: the program is of so many. A state is donated,
        # so that it needs one of its own.
        some = next(iter(calls.values()))
        all_calls = [
            calls[run] if run in calls else some._replace(state=jax.tree.map(jnp.copy, some.state))
            for run in range(self._num_runs)
        ]
        each: Any = self._abreast(*self._together(all_calls))
        states, results = each
        return {run: (states[run], results[run]) for run in calls}

    def _together(self, calls: list[Call]) -> tuple[Any, Any, Any]:
        states, batches, keys = zip(*calls, strict=True)
        return states, batch_of(batches), keys


class OfRun:
    """A run's place in it."""

    def __init__(self, rendezvous: Rendezvous, run: int) -> None:
        self._rendezvous = rendezvous
        self._run = run

    def __call__(self, state: TrainState, batch: Any, key: jax.Array) -> tuple[TrainState, Sums]:
        return self._rendezvous.call(self._run, Call(state, batch, key))

    def lower(self, state: Any, batch: Any, key: Any) -> "Ahead":
        return self._rendezvous.lower(Call(state, batch, key))


class Ahead:
    """A program that is traced: whichever thread is the first compiles it, and all wait for it."""

    def __init__(self, lowered: Any) -> None:
        self._lowered = lowered
        self._lock = threading.Lock()
        self._compiled = False

    def compile(self) -> None:
        with self._lock:
            if not self._compiled:
                self._lowered.compile()
                self._compiled = True
