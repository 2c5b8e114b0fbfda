"""Batches come to the devices in order, ahead of the steps, and end cleanly."""

import threading
import time
from collections import deque

import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.data import ExampleError
from jaxcnn.data.loader.pipeline import HostSeconds
from jaxcnn.engine.prefetch import AHEAD, arrivals


def send(batch):
    return {name: jnp.asarray(rows) for name, rows in batch.items()}


class Host:
    """Batches 0, 1, 2, ... of `count`, and what became of them."""

    def __init__(self, count=10**6, fails_at=None):
        self.given, self.closed, self.seconds = 0, False, deque()
        self.count, self.fails_at = count, fails_at

    def arrivals(self):
        return arrivals(self.batches(), self.seconds, send)

    def batches(self):
        try:
            for number in range(self.count):
                if number == self.fails_at:
                    raise ExampleError(f"example {number}")
                self.given += 1
                self.seconds.append(HostSeconds(number, 0, 0))
                yield {"label": np.full(2, number)}
        finally:
            self.closed = True


def test_batches_come_in_order_each_with_its_own_times():
    host = Host(count=5)
    came = list(host.arrivals())
    assert [arrival.batch["label"].tolist() for arrival in came] == [[k, k] for k in range(5)]
    assert [arrival.host.decode for arrival in came] == list(range(5))
    times = [arrival.at for arrival in came]
    assert times == sorted(times) and host.closed


def test_so_many_are_prepared_ahead_and_no_more():
    host = Host()
    coming = host.arrivals()
    next(coming)
    time.sleep(0.3)
    assert host.given == 1 + AHEAD
    coming.close()


def test_an_error_comes_after_the_batches_before_it():
    host = Host(fails_at=4)
    came = []
    with pytest.raises(ExampleError, match="example 4"):
        for arrival in host.arrivals():
            came.append(arrival.host.decode)
    assert came == [0, 1, 2, 3] and host.closed


def test_closing_ends_the_thread_and_the_hosts_batches():
    before = set(threading.enumerate())
    host = Host()
    coming = host.arrivals()
    next(coming)
    coming.close()
    assert host.closed and set(threading.enumerate()) <= before
