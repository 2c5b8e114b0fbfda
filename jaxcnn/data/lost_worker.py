"""Why a worker process is gone, as far as its end tells."""

import re
import signal

# Grain's words.
_WORKER_ENDED = re.compile(r"Worker process was terminated unexpectedly with exit code (-?\d+)")


def why_a_worker_ended(said: str) -> str | None:
    """One line for what Grain says of a worker process that is gone; None for anything else."""
    found = _WORKER_ENDED.search(said)
    if found is None:
        return None
    code = int(found[1])
    cause = signal.Signals(-code).name if code < 0 else f"status {code}"
    if cause == "SIGBUS":  # Linux lets a process map more shared memory than there is.
        cause += (
            ": /dev/shm, where batches are passed on, is full; docker run --shm-size=8g gives more"
        )
    elif cause == "SIGKILL":
        cause += ": the machine's memory may be full"
    return (
        f"a worker process ended by {cause}; fewer --workers, or --workers=0, may help, and the "
        "same command again goes on"
    )
