"""Stopping a run between two steps when the user or the machine asks for it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


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


@contextmanager
def stop_on_signal() -> Iterator[StopFlag]:
    """Within it the first SIGINT or SIGTERM sets the flag; a second one acts as it always does.

    Signals reach Python's main thread only: elsewhere the flag is never set.
    """
    flag = StopFlag()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

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
