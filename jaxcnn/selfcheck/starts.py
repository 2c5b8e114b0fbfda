"""How long README's first command takes until it trains: with nothing in the cache, and again."""

import subprocess
import tempfile
import time
from pathlib import Path

from jaxcnn.selfcheck.outcome import Outcome
from jaxcnn.selfcheck.runs import Ended, kill_at_a_checkpoint

FIRST_COMMAND = ("--arch=efficientnet_b0", "--checkpoint-every-steps=1")
# Seconds that it is to take at most on a GPU.
GOALS = {"cold": 45.0, "warm": 15.0}


def check_starts(*, seconds: float, on_gpu: bool) -> Outcome:
    """Seconds from the command until the first step's checkpoint is whole, cold and warm."""
    until = time.monotonic() + seconds
    took: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in GOALS:
            began = time.monotonic()
            try:
                kill_at_a_checkpoint(FIRST_COMMAND, folder / name, folder / "cache", until)
            except Ended as reason:
                return Outcome(took, failures=(f"{name} start: {reason}",))
            except subprocess.TimeoutExpired:
                return Outcome(took, skipped=(f"{name} start: not done in {seconds:.0f} s",))
            took[name] = time.monotonic() - began
    slow = [name for name in took if on_gpu and took[name] > GOALS[name]]
    return Outcome(
        took,
        notes=tuple(
            f"a {name} start takes {took[name]:.0f} s; {GOALS[name]:.0f} s is the goal"
            for name in slow
        ),
    )
