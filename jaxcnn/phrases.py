"""What lines for people have in common."""

import os
from collections.abc import Sequence

# With more, what else a line says could not be found.
MOST_NAMES = 5


def first_few(names: Sequence[object], most: int = MOST_NAMES) -> str:
    """The first names, and how many there are more: "ant, bee and 3 more"."""
    shown = ", ".join(printable(str(name)) for name in names[:most])
    more = len(names) - most
    return f"{shown} and {more:,} more" if more > 0 else shown


def reason(error: BaseException) -> str:
    """What was raised, on one line: "KeyError: 'image'"."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def printable(path: str) -> str:
    """A file's name may hold bytes that are no text."""
    return os.fsencode(path).decode(errors="replace")
