"""Memory that the threads of a process share while they hold decoded pictures.

A picture of eleven kilobytes may hold 89 million pixels. One is read wherever it comes from; as
many at once as there are threads would take the machine's memory.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Budget:
    """Bytes that threads take from, and wait for where too few are left.

    What takes more than there are waits until it is alone. What takes little is not counted.

    Args:
        num_bytes: that are shared.
        uncounted: bytes of a taking that is too small to count.
    """

    def __init__(self, num_bytes: int, uncounted: int) -> None:
        self._all = self._left = num_bytes
        self._uncounted = uncounted
        self._changed = threading.Condition()
        self._of_thread = threading.local()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """What this thread takes within is given back at the end, that of the outermost block."""
        mine = self._of_thread
        if getattr(mine, "within", False):
            yield
            return
        mine.within, mine.taken = True, 0
        try:
            yield
        finally:
            mine.within = False
            if mine.taken:
                with self._changed:
                    self._left += mine.taken
                    self._changed.notify_all()

    def take(self, num_bytes: int) -> None:
        """Waits until there are so many bytes, within `kept`."""
        if num_bytes <= self._uncounted:
            return
        mine = self._of_thread
        with self._changed:
            # Who holds some does not wait for more: two would wait for each other.
            if not mine.taken:
                self._changed.wait_for(lambda: num_bytes <= self._left or self._left == self._all)
            self._left -= num_bytes
            mine.taken += num_bytes


# 512 MiB: a picture of as many pixels as are decoded at all.
DECODING = Budget(2**29, uncounted=2**23)
