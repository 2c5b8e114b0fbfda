"""Stopping a run between two steps when the user or the machine asks for it."""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import TypeVar

import jax
from jax.experimental import multihost_utils

from jaxcnn.processes.signals import AFTER_THE_FIRST, STOPPING, to_be_taken

T = TypeVar("T")

# The name of threads whose work a signal leaves behind.
IN_BACKGROUND = "jaxcnn in background"


class StopRequested(BaseException):
    """One of `jaxcnn.processes.signals.STOPPING` has arrived; `signal_number` says which.

    As KeyboardInterrupt no Exception, for it may be raised anywhere.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


class StopFlag:
    """Set by a signal, looked at between steps."""

    def __init__(self) -> None:
        self._signal_number: int | None = None

    def set(self, signal_number: int) -> None:
        self._signal_number = signal_number

    def check(self) -> None:
        """Raises StopRequested if a signal has arrived."""
        if self._signal_number is not None:
            raise StopRequested(self._signal_number)


class SharedStopFlag(StopFlag):
    """One of several processes' flag: a signal to any of them stops all, at the same look.

    All must look equally often. jax's preemption service passes on that a SIGTERM has arrived, for
    which it has a handler of its own, and chooses the look that none of them has come to yet.
    """

    def __init__(self) -> None:
        super().__init__()
        self._looks = 0

    def set(self, signal_number: int) -> None:
        super().set(signal_number)
        os.kill(os.getpid(), signal.SIGTERM)

    def check(self) -> None:
        self._looks += 1
        if multihost_utils.reached_preemption_sync_point(self._looks):
            raise StopRequested(self._signal_number or signal.SIGTERM)


@contextmanager
def stop_on_signal() -> Iterator[StopFlag]:
    """Within it the first of `STOPPING` sets the flag; see `AFTER_THE_FIRST` for a second.

    Signals reach Python's main thread only: elsewhere the flag is never set. Where several
    processes run together the flag is theirs.
    """
    together = jax.distributed.is_initialized()
    flag = SharedStopFlag() if together else StopFlag()
    # SIGTERM has jax's own handler then.
    numbers = [number for number in STOPPING if not (together and number == signal.SIGTERM)]
    with _first_signal(flag.set, numbers):
        yield flag


@contextmanager
def end_on_signal() -> Iterator[None]:
    """Within it the first of `STOPPING` raises StopRequested at once."""
    with _first_signal(_end):
        yield


def in_background(work: Callable[..., T], *args: object) -> T:
    """`work(*args)`, done in a thread beside; a signal meanwhile raises StopRequested at once.

    For what takes long and does not return to Python, which alone takes signals: compilation. The
    thread then works on until the process ends. One of several processes waits: a signal stops all
    of them together, at the next look at their flag.
    """
    if jax.distributed.is_initialized():
        return work(*args)
    done: Future[T] = Future()

    def task() -> None:
        try:
            done.set_result(work(*args))
        except BaseException as error:
            done.set_exception(error)

    thread = threading.Thread(target=task, name=IN_BACKGROUND, daemon=True)
    with _first_signal(_end, within_another=True):
        thread.start()
        # Not `thread.join()`: Python 3.11 takes a thread for ended if a signal interrupts that.
        wait([done])
    thread.join()
    return done.result()


def left_in_background() -> bool:
    """Whether a thread is still at what a signal did not wait for."""
    return any(thread.name == IN_BACKGROUND for thread in threading.enumerate())


def _end(number: int) -> None:
    raise StopRequested(number)


@contextmanager
def _first_signal(
    handle: Callable[[int], None],
    numbers: Iterable[signal.Signals] = STOPPING,
    *,
    within_another: bool = False,
) -> Iterator[None]:
    """Calls `handle` with the first signal of `numbers`; at the end puts the handlers back.

    But not `within_another`, whose handlers would take a second signal for the first, if there was
    one: that one puts them back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in numbers if to_be_taken(number)}
    arrived = False

    def take(number: int, frame: object) -> None:
        nonlocal arrived
        arrived = True
        for each in before:
            signal.signal(each, AFTER_THE_FIRST[each])
        handle(number)

    for number in before:
        signal.signal(number, take)
    try:
        yield
    finally:
        if not (arrived and within_another):
            for number, handler in before.items():
                signal.signal(number, handler)
