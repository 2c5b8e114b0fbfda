"""Waiting is counted where the devices wait, and only there; times are slept, so nearly exact."""

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import jax
import numpy as np
import pytest

from jaxcnn.data.loader.pipeline import HostSeconds, train_batches
from jaxcnn.data.spec import ArraySource
from jaxcnn.engine.prefetch import arrivals
from jaxcnn.engine.step import STEPS_IN_FLIGHT
from jaxcnn.train.throughput import Throughput

IMAGES = ArraySource(np.zeros((64, 4, 4, 1), np.uint8), np.zeros(64, np.int32))
NO_TIME = HostSeconds(0, 0, 0)


class Device:
    """Does one step after the other, each taking so many seconds, while the host goes on."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.queue = ThreadPoolExecutor(1)

    def step(self):
        return {"loss": Result(self.queue.submit(time.sleep, self.seconds))}


class Result:
    """What a step computes, as a jax.Array is: there before its value is."""

    def __init__(self, future):
        self.block_until_ready = future.result


def slow_examples(seconds):
    """A transform that takes so long per batch of 4."""

    def transform(image, rng):
        time.sleep(seconds / 4)
        return image

    return transform


def slow_transfer(seconds):
    """Returns at once, as a transfer does; the arrays are there so much later."""
    link = ThreadPoolExecutor(1)
    return lambda batch: {"image": Result(link.submit(time.sleep, seconds))}


def arriving(batches, transfer=0.0):
    """`batches` as they come to the devices; preparing them is not timed."""

    def untimed():
        for batch in batches:
            seconds.append(NO_TIME)
            yield batch

    seconds = deque()
    return arrivals(untimed(), seconds, slow_transfer(transfer))


def train(batches, device, steps, throughput=None):
    """The trainer's loop."""
    throughput, pending = throughput or Throughput(), deque()
    for number in range(steps):
        throughput.next_arrival(batches)
        pending.append(device.step())
        throughput.begin(pending[-1])
        while len(pending) > (STEPS_IN_FLIGHT if number < steps - 1 else 0):
            jax.block_until_ready(pending.popleft())
            throughput.lap(4)
    return throughput


def trained(compute, data, transfer, steps=12):
    """A loop over examples of the pipeline, each kind of work taking so many seconds a batch."""
    seconds = deque()
    batches = train_batches(
        IMAGES, (slow_examples(data),), batch_size=4, seed=0, stop_step=16, tell=seconds.append
    )
    with closing(arrivals(batches, seconds, slow_transfer(transfer))) as arriving:
        return train(arriving, Device(compute), steps)


@pytest.mark.parametrize(
    ("compute", "data", "transfer", "share"),
    [
        (0.12, 0.04, 0.04, 0.0),
        (0.01, 0.1, 0.01, 0.9),
        (0.06, 0.12, 0.01, 0.5),
        (0.06, 0.01, 0.12, 0.5),
    ],
    ids=[
        "compute is the slower",
        "data is far slower",
        "data takes twice as long",
        "the transfer takes twice as long",
    ],
)
def test_waiting_is_what_data_takes_longer_than_compute(compute, data, transfer, share):
    throughput = trained(compute, data, transfer)
    assert throughput.waiting == pytest.approx(share, abs=0.1)
    slower = max(compute, data, transfer)
    assert throughput.images_per_second == pytest.approx(4 / slower, rel=0.25)


def test_each_kind_of_work_is_told_for_the_steps_counted():
    seconds = trained(compute=0.05, data=0.08, transfer=0.02, steps=9).seconds
    assert set(seconds) == {"decode", "augment", "batch", "transfer", "step"}
    assert seconds["augment"] == pytest.approx(8 * 0.08, rel=0.1)
    assert seconds["transfer"] == pytest.approx(8 * 0.02, rel=0.25)
    assert seconds["step"] == pytest.approx(8 * 0.05, rel=0.25)
    assert seconds["decode"] + seconds["batch"] < 0.05


def test_nothing_is_waited_for_while_the_loop_is_busy_otherwise():
    """A batch that comes late is no loss to a loop that has not asked for it."""

    def batches():
        for number in range(4):
            time.sleep(0.3 if number == 3 else 0)
            yield {}

    throughput, source, device = Throughput(), arriving(batches()), Device(0.01)
    train(source, device, steps=3, throughput=throughput)
    time.sleep(0.3)  # A checkpoint.
    assert train(source, device, steps=1, throughput=throughput).waiting < 0.1


def test_the_first_batch_is_not_counted():
    def batches():
        time.sleep(0.5)
        while True:
            yield {}

    assert train(arriving(batches()), Device(0.02), steps=6).waiting < 0.1


def test_counting_starts_afresh_after_a_pause():
    def batches():
        for _ in range(4):
            time.sleep(0.1)
            yield {}
        while True:
            yield {}

    device, source = Device(0.02), arriving(batches())
    throughput = train(source, device, steps=4)
    assert throughput.waiting > 0.5
    throughput.start()
    assert throughput.images_per_second is throughput.waiting is throughput.seconds is None
    assert train(source, device, steps=4, throughput=throughput).waiting < 0.1


def test_nothing_is_said_before_anything_was_counted():
    throughput = Throughput()
    assert throughput.images_per_second is throughput.waiting is throughput.seconds is None
