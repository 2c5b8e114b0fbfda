"""Seconds from the command to the first training step, saved: cold, then with its cache.

python -m tests.measure_first_step
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from jaxcnn import cli

PROGRAM = "python -m tests.measure_first_step"


@dataclass(frozen=True)
class Options:
    arch: str = "efficientnet_b0"
    """Model, on digits."""
    rounds: int = 5
    """Starts with the cache, after one without."""


def seconds_to_first_step(arch: str, cache: Path) -> float:
    with tempfile.TemporaryDirectory() as workdir:
        command = [sys.executable, "-m", "jaxcnn.train", f"--arch={arch}", f"--workdir={workdir}"]
        start = time.monotonic()
        run = subprocess.Popen(
            [*command, "--checkpoint-every-steps=1"],
            stderr=subprocess.DEVNULL,
            env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        )
        try:
            while not (Path(workdir) / "checkpoints" / "1").exists():
                if run.poll() is not None:
                    raise RuntimeError(f"{' '.join(command)} ended with status {run.returncode}")
                time.sleep(0.02)
            return time.monotonic() - start
        finally:
            run.kill()
            run.wait()


def main() -> int:
    def measure() -> int:
        options = cli.parse(Options, sys.argv[1:], program=PROGRAM, description=__doc__)
        with tempfile.TemporaryDirectory() as cache:
            print(f"cold {seconds_to_first_step(options.arch, Path(cache)):.1f} s", flush=True)
            warm = [seconds_to_first_step(options.arch, Path(cache)) for _ in range(options.rounds)]
        print(
            f"warm {statistics.median(warm):.1f} s, of {options.rounds} starts "
            f"{min(warm):.1f} to {max(warm):.1f} s"
        )
        return cli.DONE

    return cli.run(PROGRAM, measure)


if __name__ == "__main__":
    cli.start(main)
