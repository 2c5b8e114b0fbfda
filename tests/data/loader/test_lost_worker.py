import errno
import os
import re
import signal

import pytest

from jaxcnn.data.loader.lost_worker import why_a_worker_ended


def grain_says(code):
    return RuntimeError(f"Worker process was terminated unexpectedly with exit code {code}.")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (grain_says(-9), "worker process 12 was ended by SIGKILL: the machine's memory may be"),
        (grain_says(-7), "worker process was ended by SIGBUS: /dev/shm, .* --shm-size=8g"),
        (grain_says(1), "worker process 11 ended with status 1; what it printed last"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "^/dev/shm, .* --shm-size=8g"),
    ],
)
def test_the_process_what_ended_it_and_a_flag_that_helps_are_named(error, words):
    reason = why_a_worker_ended(error, {11: 1, 12: -9})
    assert reason is not None and "\n" not in reason
    assert re.search(words, reason), reason
    assert reason.endswith("fewer --workers, or --workers=0, may help")


@pytest.mark.parametrize("error", [RuntimeError("boom"), OSError(errno.ENOENT, "no file")])
def test_what_has_another_cause_is_left_as_it_is(error):
    assert why_a_worker_ended(error, {}) is None


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals are not blocked there")
def test_what_frees_shared_memory_outlives_a_signal_to_stop(run_python):
    program = """
import os, signal, time
from multiprocessing import resource_tracker
from jaxcnn.data.loader.worker_processes import Workers
Workers().started_by(lambda: None)
tracker = resource_tracker._resource_tracker
for number in (signal.SIGHUP, signal.SIGUSR1):
    os.kill(tracker._pid, number)
time.sleep(0.3)
assert tracker._check_alive()
"""
    assert run_python("-c", program).returncode == 0
