"""What tracing a program asks of Python."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def garbage_collected_seldom() -> Iterator[None]:
    """While a program is traced Python looks for cycles among its objects a hundred times less.

    Those are hundreds of thousands that stay: looking through them again and again took a sixth of
    the time to efficientnet_b0's first step. Not for longer: the pipes of worker processes are in
    such cycles, and stay open until they are looked for.
    """
    before = gc.get_threshold()
    gc.set_threshold(150 * before[0], 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
