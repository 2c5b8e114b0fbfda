"""Batches on their way to the devices, ahead of the steps that take them.

One thread beside the loop takes batch after batch from the host's pipeline, sends it, and waits
until it is there. So preparing, sending and computing go on at the same time, and it is known when
each batch arrived: a transfer has hardly begun when the call that asks for it returns.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxcnn.data.loader.pipeline import HostSeconds

# Batches sent and not taken yet: one that the next step finds there, one that is being sent.
AHEAD = 2


class Arrival(NamedTuple):
    """A batch on the devices.

    Attributes:
        batch: its arrays, all there.
        at: when the last of them came, in seconds of `time.monotonic`.
        transfer: seconds from sending to arrival.
        host: what preparing it took.
        steps: that it is for.
    """

    batch: Any
    at: float
    transfer: float
    host: HostSeconds
    steps: int = 1


def arrivals(
    batches: Generator[Mapping[str, np.ndarray]],
    host_seconds: deque[HostSeconds],
    send: Callable[[Mapping[str, np.ndarray]], dict[str, jax.Array]],
) -> Generator[Arrival]:
    """`batches` in order, each sent up to AHEAD batches before it is asked for.

    Closing it, as an error does, waits for the batch that is under way and closes `batches`. What
    these raise is raised where the batch would have come, after all before it.

    Args:
        batches: of the host.
        host_seconds: to its right end `batches` appends what a batch took, before giving it.
        send: host -> devices; it need not wait for the arrival.
    """

    def next_arrival() -> Arrival | None:
        batch = next(batches, None)
        if batch is None:
            return None
        start = time.monotonic()
        sent = jax.block_until_ready(send(batch))
        at = time.monotonic()
        return Arrival(sent, at, at - start, host_seconds.popleft())

    # The thread ends before `batches` is closed, for it may be inside.
    with closing(batches), ThreadPoolExecutor(1, "jaxcnn prefetch") as beside:
        under_way = deque(beside.submit(next_arrival) for _ in range(AHEAD))
        try:
            while (arrival := under_way.popleft().result()) is not None:
                under_way.append(beside.submit(next_arrival))
                yield arrival
                del arrival  # Or its arrays would live until the next one comes.
        finally:
            for future in under_way:
                future.cancel()
