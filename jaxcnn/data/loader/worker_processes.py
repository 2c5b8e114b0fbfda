"""Worker processes: how they are started, so that they and a run that waits for them can end."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from multiprocessing import connection, process, resource_tracker
from typing import TypeVar

from jaxcnn.processes.signals import STOPPING

T = TypeVar("T")

SECONDS_BETWEEN_LOOKS = 0.1


class Workers:
    """The processes started since this was made, by `started_by`."""

    def __init__(self) -> None:
        self._others = set(multiprocessing.active_children())
        self._own: set[process.BaseProcess] = set()

    def started_by(self, work: Callable[[], T]) -> T:
        """`work()`, done in a thread whose threads and processes never see signals to stop.

        A terminal or a scheduler sends them to a run's processes all at once. It is the run that
        stops, and then its workers: one that died first would leave it waiting for a batch. The
        thread that calls this one does see them meanwhile.
        """
        done: Future[T] = Future()

        def task() -> None:
            if sys.platform != "win32":  # There signals are not blocked.
                signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
                # What frees shared memory is such a process too: killed by SIGHUP, it is started
                # anew while the run ends, and batches on their way are freed twice.
                resource_tracker.ensure_running()
                signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)  # For it lifts some of it.
            try:
                done.set_result(work())
            except BaseException as error:
                done.set_exception(error)

        thread = threading.Thread(target=task, daemon=True)
        thread.start()
        while not done.done():
            wait([done], SECONDS_BETWEEN_LOOKS)
            self._own |= set(multiprocessing.active_children()) - self._others
        thread.join()  # It holds on to what it raised, and that to shared memory.
        return done.result()

    def ended(self) -> dict[int, int]:
        """Exit codes of those that are gone, by their ids."""
        codes = {worker.pid: worker.exitcode for worker in self._own}
        return {pid: code for pid, code in codes.items() if pid is not None and code is not None}


def end_with_the_run(worker: int, num_workers: int) -> None:
    """Has a worker end where its parent is killed, which then cannot tell it to."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "in a worker"

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def end_a_worker_that_starts_again() -> None:
    """Ends, with one line, a worker that is still importing the program it was started by.

    Python imports a program's main module anew in each process that it starts; what stands there
    outside of `if __name__ == "__main__":` is done again, and would start workers of a worker.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise SystemExit(
            "a worker came upon what started it: put the program's own work below "
            'if __name__ == "__main__":, or give workers=0'
        )
