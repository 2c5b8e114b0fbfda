"""Stops of a run at a place that a test chooses."""

import signal
from contextlib import nullcontext
from itertools import count

from jaxcnn.processes.stopping import StopFlag, StopRequested


class StopAt(StopFlag):
    """Asks to stop when it is looked at for the `looks`-th time."""

    def __init__(self, looks):
        self._looks = looks
        self._count = count(1)  # Of several threads' looks too.

    def check(self):
        if next(self._count) == self._looks:
            raise StopRequested(signal.SIGINT)


def at_look(looks):
    """For `fit`'s `stop_when_asked`: stops at that look at the flag, the first being 1."""
    return lambda: nullcontext(StopAt(looks))
