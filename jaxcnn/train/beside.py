"""What runs that are trained side by side make but once."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from jaxcnn.engine.feed import Feed
from jaxcnn.engine.program import Program
from jaxcnn.engine.rendezvous import Rendezvous
from jaxcnn.train.supply import Supply


class Shared:
    """Program and data of runs of one recipe, but for their seeds.

    Args:
        num_runs: side by side.
        as_one: their training steps are one program's; else each run has its own dispatched.
    """

    def __init__(self, num_runs: int, *, as_one: bool) -> None:
        self._num_runs = num_runs
        self._as_one = as_one
        # Held while a checkpoint is written.
        self.writing = threading.Lock()
        self._lock = threading.Lock()
        self._over: set[int] = set()
        self._program: Program | None = None
        self._rendezvous: Rendezvous | None = None
        self._supply: Supply | None = None

    def program(self, run: int, seed: int, make: Callable[[], Program]) -> Program:
        with self._lock:
            if self._program is None:
                self._program = make()
                if self._as_one:
                    self._rendezvous = Rendezvous(self._program, self._num_runs)
                    for other in self._over:
                        self._rendezvous.leave(other)
        program = replace(self._program, seed=seed)
        if self._rendezvous is None:
            return program
        return replace(program, train=self._rendezvous.of_run(run))

    def supply(self, feed: Feed, program: Program) -> Supply:
        with self._lock:
            if self._supply is None:
                self._supply = Supply(feed, program)
            return Supply(feed, program, lies_there=self._supply)

    def end(self, run: int) -> None:
        """The run is over: no other waits for it."""
        with self._lock:
            self._over.add(run)
            if self._rendezvous is not None:
                self._rendezvous.leave(run)


@dataclass(frozen=True)
class Beside:
    """A run's place among those that it shares with, the first being 0."""

    shared: Shared
    run: int

    def program(self, seed: int, make: Callable[[], Program]) -> Program:
        """What `make` makes, for that seed; made by the first run that asks."""
        return self.shared.program(self.run, seed, make)

    def supply(self, feed: Feed, program: Program) -> Supply:
        """Of the run's batches; the training set lies on the devices once."""
        return self.shared.supply(feed, program)
