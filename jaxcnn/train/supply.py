"""What a run's steps are given: batches on the devices, prepared by the host or made there."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property, partial
from threading import Lock
from typing import Any

import jax
import numpy as np

from jaxcnn.data.loader.pipeline import HostSeconds
from jaxcnn.engine.feed import Feed
from jaxcnn.engine.mesh import place, to_devices
from jaxcnn.engine.prefetch import Arrival, arrivals
from jaxcnn.engine.program import Program
from jaxcnn.engine.resident import drawn_arrivals, numbers_sharding
from jaxcnn.processes.distributed import begin_batch


@dataclass(frozen=True)
class Supply:
    """Batches of a feed for a program.

    `lies_there` is one of the same data for the same devices: what it has there is taken from it.
    """

    feed: Feed
    program: Program
    lies_there: "Supply | None" = None
    _made_once: Lock = field(default_factory=Lock, init=False)
    _kept: dict[str, list[dict[str, jax.Array]]] = field(default_factory=dict, init=False)

    @property
    def stored(self) -> dict[str, jax.Array]:
        """The training set, whole on every device. Raises ExampleError for what is unreadable."""
        source = self.lies_there or self
        with source._made_once:
            return source._stored

    @cached_property
    def _stored(self) -> dict[str, jax.Array]:
        like = self.program.train_like["stored"]
        return {
            name: place(part, like[name].sharding) for name, part in self.feed.decoded().items()
        }

    def training(self, start_step: int, next_stop: Callable[[int], int]) -> Generator[Arrival]:
        """What `program.train` takes, from `start_step` on, there before it is needed.

        `next_stop` says of a step at which one the loop wants to look up next.
        """
        for_steps = self._made_there if self.feed.resident is not None else self._sent
        with closing(for_steps(start_step, next_stop)) as arriving:
            for arrival in arriving:
                begin_batch()
                yield arrival
                del arrival

    def _sent(self, start_step: int, next_stop: Callable[[int], int]) -> Generator[Arrival]:
        seconds: deque[HostSeconds] = deque()
        batches = self.feed.train_batches(start_step, self.feed.total_steps, seconds.append)
        return arrivals(batches, seconds, self._send)

    def _made_there(self, start_step: int, next_stop: Callable[[int], int]) -> Generator[Arrival]:
        most = self.feed.steps_at_once
        return drawn_arrivals(
            self.feed.draw(),
            self.stored,
            partial(to_devices, sharding=numbers_sharding(self.program.rows)),
            lambda step: min(step + most, next_stop(step)),
            start_step=start_step,
            stop_step=self.feed.total_steps,
        )

    def evaluation(self, split: str) -> Iterable[Mapping[str, Any]]:
        """All of "val", "train_sample" or "test".

        What every epoch asks for is kept where the training set is, if no larger.
        """
        small = len(self.feed.val) <= len(self.feed.train)
        if split == "test" or not small or self.feed.resident is None:
            return self.feed.eval_batches(split)
        source = self.lies_there or self
        with source._made_once:
            if split not in source._kept:
                source._kept[split] = [self._send(b) for b in self.feed.eval_batches(split)]
            return source._kept[split]

    def _send(self, batch: Mapping[str, np.ndarray]) -> dict[str, jax.Array]:
        return to_devices(batch, self.program.rows)
