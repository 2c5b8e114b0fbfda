"""How fast steps follow each other, and how much of that time the devices wait for data."""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import jax

T = TypeVar("T")


class _Step(NamedTuple):
    """A step under way: when its batch was asked for and came, and when the step will have ended.

    Times are seconds of the monotonic clock.
    """

    asked: float
    came: float
    ended: Future[float]


class Throughput:
    """Images per second of training steps, and the share of the time spent waiting for data.

    Steps run while the host prepares the next, so the host waiting for a batch says little: the
    devices may still be at work. Only from the end of a step until the next one's batch is there
    do they stand still for want of data, and only that is counted. It is this process's devices
    that are watched.

    The clock starts with the end of the first step, so a process's first step, which waits for the
    compiler and the first batch, is not counted.
    """

    def __init__(self) -> None:
        # It sleeps until a step ends and notes when: the host looks at a step's results later.
        self._watcher = ThreadPoolExecutor(1)
        self._under_way: deque[_Step] = deque()
        self._came = (0.0, 0.0)
        self._started: float | None = None
        self._latest = 0.0
        self._images = 0
        self._waited = 0.0

    def start(self) -> None:
        """Starts counting afresh, now, with no step under way."""
        self._started = self._latest = time.monotonic()
        self._images, self._waited = 0, 0.0

    def next_batch(self, batches: Iterator[T]) -> T:
        """The next of `batches`, for the step that `begin` is then told of."""
        asked = time.monotonic()
        batch = next(batches)
        self._came = asked, time.monotonic()
        return batch

    def begin(self, results: Mapping[str, jax.Array]) -> None:
        """A step was given to the devices; it has ended when `results` are there."""

        def ended() -> float:
            jax.block_until_ready(results)
            return time.monotonic()

        self._under_way.append(_Step(*self._came, self._watcher.submit(ended)))

    def lap(self, images: int) -> None:
        """The oldest step under way, of so many images, is done."""
        step = self._under_way.popleft()
        before, self._latest = self._latest, step.ended.result()
        if self._started is None:
            self._started = self._latest
            return
        self._images += images
        self._waited += max(0.0, step.came - max(step.asked, before))

    @property
    def images_per_second(self) -> float | None:
        """None before anything was counted."""
        return self._images / self._seconds if self._images else None

    @property
    def waiting(self) -> float | None:
        """Time in which the devices stood still for want of data, as a fraction of all."""
        return self._waited / self._seconds if self._images else None

    @property
    def _seconds(self) -> float:
        assert self._started is not None, "nothing was counted"
        return self._latest - self._started
