"""Lines of several writers on one stream, each marked with whose it is."""

from typing import IO, TextIO, cast


def prefixed(stream: IO[str], prefix: str) -> TextIO:
    """A stream whose lines go to `stream` whole, after `prefix`."""
    return cast(TextIO, _Prefixed(stream, prefix))


class _Prefixed:
    def __init__(self, stream: IO[str], prefix: str) -> None:
        self._stream = stream
        self._prefix = prefix
        self._begun = ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        if lines:
            # At once, so that another's do not come between.
            self._stream.write("".join(f"{self._prefix}{line}\n" for line in lines))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        """Never: there is no place for a bar of each."""
        return False
