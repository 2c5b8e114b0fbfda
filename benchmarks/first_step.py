"""Seconds from the command to the first training step, and to its checkpoint: cold, then warm.

Warm is with the cache that the cold start leaves.

python -m benchmarks.first_step
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from jaxcnn.command import cli
from jaxcnn.errors import UserError

PROGRAM = "python -m benchmarks.first_step"


@dataclass(frozen=True)
class Options:
    arch: str = "efficientnet_b0"
    """Model, on digits."""
    rounds: int = 5
    """Starts with the cache, after one without."""


def seconds_to_first_step(arch: str, cache: Path) -> tuple[float, float]:
    """Until the step is done, and until its checkpoint is whole.

    A checkpoint's folder is there, under a name that begins with the step's, as soon as the step is
    done and its saving begins.
    """
    with tempfile.TemporaryDirectory() as workdir:
        command = [sys.executable, "-m", "jaxcnn.train", f"--arch={arch}", f"--workdir={workdir}"]
        start = time.monotonic()
        run = subprocess.Popen(
            [*command, "--checkpoint-every-steps=1"],
            stderr=subprocess.DEVNULL,
            env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        )

        def seconds_until(pattern: str) -> float:
            while not list((Path(workdir) / "checkpoints").glob(pattern)):
                if run.poll() is not None:
                    raise RuntimeError(f"{' '.join(command)} ended with status {run.returncode}")
                time.sleep(0.02)
            return time.monotonic() - start

        try:
            return seconds_until("1*"), seconds_until("1")
        finally:
            run.kill()
            run.wait()


def main() -> int:
    def measure() -> int:
        options = cli.parse(Options, sys.argv[1:], program=PROGRAM, description=__doc__)
        if options.rounds < 1:
            raise UserError(f"--rounds={options.rounds} is out of range; it must be above 0")
        with tempfile.TemporaryDirectory() as cache:
            done, saved = seconds_to_first_step(options.arch, Path(cache))
            print(f"cold {done:.1f} s, saved at {saved:.1f} s", flush=True)
            starts = [
                seconds_to_first_step(options.arch, Path(cache)) for _ in range(options.rounds)
            ]
        warm, warm_saved = zip(*starts, strict=True)
        print(
            f"warm {statistics.median(warm):.1f} s, "
            f"saved at {statistics.median(warm_saved):.1f} s, "
            f"of {options.rounds} starts ({min(warm):.1f} to {max(warm):.1f} s)"
        )
        return cli.DONE

    return cli.run(PROGRAM, measure)


if __name__ == "__main__":
    cli.start(main)
