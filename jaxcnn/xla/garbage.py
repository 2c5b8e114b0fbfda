"""What tracing a program asks of Python."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_changing = threading.Lock()
_before: tuple[int, int, int] | None = None
_within = 0


@contextmanager
def garbage_collected_seldom() -> Iterator[None]:
    """While a program is traced Python looks for cycles among its objects a hundred times less.

    Those are hundreds of thousands that stay: looking through them again and again took a sixth of
    the time to efficientnet_b0's first step. Not for longer: the pipes of worker processes are in
    such cycles, and stay open until they are looked for. Of several threads within, the last to
    leave sets it back.
    """
    global _before, _within
    with _changing:
        if _before is None:
            _before = gc.get_threshold()
            gc.set_threshold(150 * _before[0], 50, 100)
        _within += 1
    try:
        yield
    finally:
        with _changing:
            _within -= 1
            if _before is not None and not _within:
                gc.set_threshold(*_before)
                _before = None
