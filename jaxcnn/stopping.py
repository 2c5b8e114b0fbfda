"""Stopping a run between two steps when the user or the machine asks for it."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import jax
from jax.experimental import multihost_utils


class StopRequested(Exception):
    """Ctrl-C (SIGINT) or SIGTERM has arrived; `signal_number` says which."""

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
    """Within it the first SIGINT or SIGTERM sets the flag; a second one acts as it always does.

    Signals reach Python's main thread only: elsewhere the flag is never set. Where several
    processes run together the flag is theirs.
    """
    together = jax.distributed.is_initialized()
    flag = SharedStopFlag() if together else StopFlag()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    numbers = (signal.SIGINT,) if together else (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}

    def handle(number: int, frame: object) -> None:
        flag.set(number)
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, handle)
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
