"""Why a worker process is gone, as far as its end tells."""

import errno
import re
import signal

# Grain's words.
_WORKER_ENDED = re.compile(r"Worker process was terminated unexpectedly with exit code (-?\d+)")
_WAY_OUT = "fewer --workers, or --workers=0, may help"
_SHARED_MEMORY = (
    "/dev/shm, where batches are passed on, is full; docker run --shm-size=8g gives more"
)


def why_a_worker_ended(error: Exception, processes: dict[int, int]) -> str | None:
    """One line for what Grain raises for want of a worker process; None for anything else.

    `processes` has the exit codes of those that are gone, by their ids.
    """
    if isinstance(error, OSError):
        # Of files there are none: the run's disk is not what is full.
        return f"{_SHARED_MEMORY}; {_WAY_OUT}" if error.errno == errno.ENOSPC else None
    found = _WORKER_ENDED.search(str(error))
    if found is None:
        return None
    code = int(found[1])
    which = next((f" {number}" for number, its in processes.items() if its == code), "")
    if code >= 0:
        cause = f"ended with status {code}; what it printed last may say why"
    else:
        cause = f"was ended by {signal.Signals(-code).name}"
    if -code == signal.SIGBUS:  # Linux lets a process map more shared memory than there is.
        cause += f": {_SHARED_MEMORY}"
    elif -code == signal.SIGKILL:
        cause += ": the machine's memory may be full"
    return f"worker process{which} {cause}; {_WAY_OUT}"
