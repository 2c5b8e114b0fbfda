"""The signals that ask a run to stop."""

import signal
from typing import Any

# Ctrl-C; a machine that makes room; a terminal that is gone; Slurm's warning that time is nearly
# up (`sbatch --signal=USR1@120`). Windows lacks the last two.
STOPPING = tuple(
    number
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
    if (number := getattr(signal, name, None)) is not None
)
# What a second one does. A terminal that goes may say so twice, the second time by its shell, and a
# warning is not to cut short what it asked for.
AFTER_THE_FIRST: dict[signal.Signals, Any] = {
    **dict.fromkeys(STOPPING, signal.SIG_IGN),
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}


def to_be_taken(number: signal.Signals) -> bool:
    """Whether a run may have a handler of its own for it.

    Not where `nohup` has the process ignore that its terminal is gone; nor where there is a handler
    that is not Python's, which could not be put back.
    """
    handler = signal.getsignal(number)
    ignored = handler == signal.SIG_IGN and number not in (signal.SIGINT, signal.SIGTERM)
    return handler is not None and not ignored


def ends_well(number: int) -> bool:
    """Whether a run that stopped for it has not failed: a machine asked, not a person."""
    return number != signal.SIGINT
