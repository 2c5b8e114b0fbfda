"""Stops of a run at a place that a test chooses."""

import signal
from contextlib import nullcontext

from jaxcnn.processes.stopping import StopFlag, StopRequested


class StopAt(StopFlag):
    """Asks to stop when it is looked at for the `looks`-th time."""

    def __init__(self, looks):
        self.looks = looks

    def check(self):
        self.looks -= 1
        if self.looks == 0:
            raise StopRequested(signal.SIGINT)


def at_look(looks):
    """For `fit`'s `stop_when_asked`: stops at that look at the flag, the first being 1."""
    return lambda: nullcontext(StopAt(looks))
