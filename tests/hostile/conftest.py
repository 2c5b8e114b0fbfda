"""Files of a stranger are refused or harmless: soon, in little memory, in one line.

The files are made by the tests themselves. What docs/security.md says was tried is tried here.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MOST_CPU_SECONDS = 5
MOST_BYTES = 2**30
# A read from a pipe that nobody writes to takes no CPU time.
HANGS_AFTER_SECONDS = 60


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def within_limits() -> Iterator[None]:
    """Fails what takes more than five seconds of CPU time or a gigabyte, or hangs."""
    before, peak, done = resident_bytes(), 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, resident_bytes())

    def hangs(*_: object) -> None:
        raise AssertionError(f"hangs for {HANGS_AFTER_SECONDS} s")

    watcher = threading.Thread(target=watch)
    earlier = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(HANGS_AFTER_SECONDS)
    started = time.process_time()
    watcher.start()
    try:
        yield
    finally:
        seconds = time.process_time() - started
        signal.alarm(0)
        signal.signal(signal.SIGALRM, earlier)
        done.set()
        watcher.join()
    assert seconds < MOST_CPU_SECONDS, f"takes {seconds:.1f} s of CPU time"
    assert peak - before < MOST_BYTES, f"takes {(peak - before) / 1e6:,.0f} MB"


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """`refused(main, *args)`: the one line with which a command line ends with status 2."""

    def run(main: Callable[[list[str]], int], *args: str) -> str:
        capsys.readouterr()
        with within_limits():
            status = main([*args])
        told = capsys.readouterr().err
        assert status == 2 and told.count("\n") == 1 and told.endswith("\n"), (status, told)
        return told[:-1]

    return run
