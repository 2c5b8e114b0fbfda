"""Has a question answered by a process of its own, and an answer by any end that it may have."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from jaxcnn.selfcheck.outcome import Outcome
from jaxcnn.xla.device_memory import SHARED

ON_CPU = {"JAX_PLATFORMS": "cpu"}


def ask(
    name: str,
    *,
    seconds: float,
    environment: Mapping[str, str] = SHARED,
    **arguments: Any,
) -> Outcome:
    """The outcome of a question of `jaxcnn.selfcheck.child`; a failure where it gives none.

    Args:
        name: of the question.
        seconds: how long it may take.
        environment: variables beside this process's.
        arguments: plain values for it.
    """
    command = [sys.executable, "-m", "jaxcnn.selfcheck.child", name, json.dumps(arguments)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            timeout=max(0.0, seconds),
        )
    except subprocess.TimeoutExpired:
        return Outcome(skipped=(f"{name}: not done in {seconds:.0f} s",))
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        return Outcome(failures=(f"{name}: {last_line(done.stderr, done.returncode)}",))
    values = json.loads(lines[-1])
    return Outcome(
        values["figures"], *(tuple(values[key]) for key in ("failures", "notes", "skipped"))
    )


def last_line(stderr: str, status: int) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"it ended with status {status} and without a word"
