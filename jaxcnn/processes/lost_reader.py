"""Output whose reader may go: a terminal that is closed, a pipe to a program that ends."""

import os
import select
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import IO, Any, TextIO, cast


def while_it_is_read(stream: IO[str]) -> TextIO:
    """`stream`, but what nobody reads any more is dropped: it is no reason for a run to end."""
    return cast(TextIO, stream if isinstance(stream, _Unheard) else _Unheard(stream))


def is_lost(stream: TextIO) -> bool:
    """Whether `stream` is a pipe that has no reader any more."""
    if not hasattr(select, "poll"):  # Windows.
        return False
    poll = select.poll()
    poll.register(stream, 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))


class _Unheard:
    """A stream, all but its writing."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        # EPIPE of a pipe, EIO of a terminal, ValueError of a stream that was closed.
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        self.write("".join(lines))

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def open_what_is_closed() -> None:
    """Opens standard streams that were closed when Python started, for what nobody reads.

    Else their numbers go to files that are opened later, which then get what C++ prints.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is not None:
            continue
        try:
            os.fstat(descriptor)  # Another file may have it already.
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != descriptor:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
        setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  (for the process's whole life)
