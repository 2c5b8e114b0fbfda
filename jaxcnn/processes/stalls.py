"""A process of several that lives and yet goes no further: noticed by all, and named.

One that is gone or stopped falls silent, which jax's coordination service notices. One that waits
for a file for ever does not: the others wait for it, in the next sum over all devices. So each
counts the batches it begins and tells the others, through that service. All count alike, and where
counts stand still without being equal the least are those of the processes that hold up the rest.
"""

import threading
import time
from collections.abc import Callable
from typing import Protocol

FOLDER = "jaxcnn/batches_begun"


class Service(Protocol):
    """What is needed of the coordination service: values by name, which all processes see."""

    def key_value_set(self, key: str, value: str, /, allow_overwrite: bool = False) -> None: ...

    def key_value_dir_get(self, key: str, /) -> list[tuple[str, str]]: ...


class Stalls:
    """Compares the batches that this process has begun with those of the others.

    Args:
        timeout: seconds that unequal counts may stand still.
        end: called, from a thread, with what is then to be said; it ends this process.
    """

    def __init__(self, timeout: float, end: Callable[[str], object]) -> None:
        self._timeout = timeout
        self._end = end
        self._begun = 0
        self._over = threading.Event()
        self._watching: threading.Thread | None = None
        self._counts: dict[int, int] = {}
        self._changed = time.monotonic()

    def begin_batch(self) -> None:
        """Counts one more; from the first on, counts are compared ten times within the timeout."""
        if self._begun == 0:
            self._watching = threading.Thread(target=self._watch, daemon=True)
            self._watching.start()
        self._begun += 1

    def stop(self) -> None:
        """Compares no longer, from the return on.

        An interpreter that ends while a thread is in C++ aborts.
        """
        self._over.set()
        if self._watching is not None:
            self._watching.join()

    def _watch(self) -> None:
        import jax
        from orbax.checkpoint import multihost

        service, process = multihost.get_jax_distributed_client(), jax.process_index()
        interval = self._timeout / 10
        while not self._over.wait(interval):
            try:
                behind = self.behind(service, process, time.monotonic())
            except jax.errors.JaxRuntimeError:  # The service is gone: others notice and tell it.
                return
            if behind:
                # Process 0 has the service: it is the last to end, when all have seen.
                time.sleep(0 if process else 2 * interval)
                self._end(reason(behind, self._timeout))
                return

    def behind(self, service: Service, process: int, now: float) -> list[int]:
        """The processes that hold up the others at `now`, in seconds; none while counts change.

        `process` is this one, which tells its own count through `service`.
        """
        service.key_value_set(f"{FOLDER}/{process}", str(self._begun), allow_overwrite=True)
        told = service.key_value_dir_get(FOLDER)
        counts = {int(key.rsplit("/", 1)[1]): int(count) for key, count in told}
        if counts != self._counts:
            self._counts, self._changed = counts, now
        least = min(counts.values())
        if now - self._changed < self._timeout or least == max(counts.values()):
            return []
        return sorted(process for process, count in counts.items() if count == least)


def reason(behind: list[int], timeout: float) -> str:
    """Why a process ends where those `behind` hold up the others."""
    one = len(behind) == 1
    named = f"{'process' if one else 'processes'} {', '.join(map(str, behind))}"
    return (
        f"{named} {'lives' if one else 'live'} but began no batch for {timeout:g} s while others "
        f"wait; can {'its' if one else 'their'} data still be read? Start all again to go on from "
        "the last checkpoint"
    )
