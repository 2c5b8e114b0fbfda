"""How fast steps follow each other, and how much of that time the devices wait for data."""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import jax

from jaxcnn.data.loader.pipeline import HostSeconds
from jaxcnn.engine.prefetch import Arrival


class _Step(NamedTuple):
    """A step under way, or several that were dispatched as one: when its batch was asked for, the
    batch, and when the step will have ended.

    Times are seconds of the monotonic clock.
    """

    asked: float
    arrival: Arrival
    ended: Future[float]


class Throughput:
    """Images per second of training steps, and the share of the time spent waiting for data.

    Steps run while the host prepares the next, so the host waiting for a batch says little: the
    devices may still be at work. Only from the end of a step until the next one's batch has
    arrived on the devices do they stand still for want of data, and only that is counted, if the
    loop has asked for the batch by then: while it saves or validates, nothing is wanted. It is
    this process's devices that are watched.

    The rate is of the time from the end of the first step to the end of the latest, or from
    `start`, with all that the loop does between steps: checkpoints within an epoch count, an
    epoch's end (validation, its checkpoint) does not. The clock starts with the end of the first
    step, so a process's first step, which waits for the compiler and the first batch, is not
    counted.
    """

    def __init__(self) -> None:
        # It sleeps until a step ends and notes when: the host looks at a step's results later.
        self._watcher = ThreadPoolExecutor(1)
        self._under_way: deque[_Step] = deque()
        self._next: tuple[float, Arrival] | None = None
        self._started: float | None = None
        self._latest = 0.0
        self._forget()

    def _forget(self) -> None:
        self._images, self._waited = 0, 0.0
        self._spent = dict.fromkeys((*HostSeconds._fields, "transfer", "step"), 0.0)

    def start(self) -> None:
        """Starts counting afresh, now, with no step under way."""
        self._started = self._latest = time.monotonic()
        self._forget()

    def next_arrival(self, arrivals: Iterator[Arrival]) -> Arrival:
        """The next of `arrivals`, for the step that `begin` is then told of."""
        asked = time.monotonic()
        arrival = next(arrivals)
        # The step's own reference is to be the only one: the batch goes when the step has ended.
        self._next = asked, arrival._replace(batch={})
        return arrival

    def begin(self, results: Mapping[str, jax.Array]) -> None:
        """A step was given to the devices; it has ended when `results` are there."""

        def ended() -> float:
            jax.block_until_ready(results)
            return time.monotonic()

        assert self._next is not None, "a step takes a batch"
        self._under_way.append(_Step(*self._next, self._watcher.submit(ended)))

    def lap(self, images: int) -> None:
        """The oldest step under way, of so many images in all, is done."""
        asked, arrival, step_ended = self._under_way.popleft()
        before, self._latest = self._latest, step_ended.result()
        if self._started is None:
            self._started = self._latest
            return
        self._images += images
        wanted = max(asked, before)
        begun = max(wanted, arrival.at)
        self._waited += begun - wanted
        spent = {**arrival.host._asdict(), "transfer": arrival.transfer}
        spent["step"] = self._latest - begun
        for name, seconds in spent.items():
            self._spent[name] += seconds

    @property
    def images_per_second(self) -> float | None:
        """None before anything was counted."""
        return self._images / self._seconds if self._images else None

    @property
    def waiting(self) -> float | None:
        """Time in which the devices stood still for want of data, as a fraction of all."""
        return self._waited / self._seconds if self._images else None

    @property
    def seconds(self) -> dict[str, float] | None:
        """Seconds that went to each kind of work for the steps counted.

        "decode", "augment" and "batch" are those of `HostSeconds`, summed over the workers or
        threads that share the work and measured while these ran, others between them included;
        "transfer" is from sending a batch to its arrival, "step" from when the devices have it
        and are free until the step has ended. They overlap, so they do not add up to the epoch;
        the largest, divided by how many share it, is what a run waits for.
        """
        return dict(self._spent) if self._images else None

    @property
    def _seconds(self) -> float:
        assert self._started is not None, "nothing was counted"
        return self._latest - self._started
