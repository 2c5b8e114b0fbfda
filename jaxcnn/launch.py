"""What a command line does before it imports anything that takes time."""

import os
import signal
import sys


def end_on_signal_with_a_line(program: str) -> None:
    """Until something else is made of them, SIGTERM and Ctrl-C end the process with one line.

    The status is 0 after SIGTERM, as of a run that was asked to stop, and 1 after Ctrl-C. Not by an
    exception, which the module that is being imported might swallow.
    """

    def end(number: int, frame: object) -> None:
        line = f"{program}: stopped by {signal.Signals(number).name}, with nothing under way\n"
        os.write(sys.stderr.fileno(), line.encode())
        os._exit(0 if number == signal.SIGTERM else 1)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
