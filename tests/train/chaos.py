"""Kills a run again and again, and compares what comes out with a run that was left alone.

python -m tests.train.chaos --kills=30 --workdir=DIR

Both runs are `python -m jaxcnn.train`, of a small model on the embedded digits. Each kill is
SIGKILL at a random moment of a random phase, told from what the run has written so far. At the end
every array of every checkpoint, metrics.jsonl and summary.json must be equal, but for times.
"""

import argparse
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from jaxcnn.selfcheck.equal import differences, saved_steps

COMMAND = (
    sys.executable, "-m", "jaxcnn.train", "--arch=lenet5", "--steps=400", "--batch-size=64",
    "--checkpoint-every-steps=3", "--optim.ema-decay=0.9",
)  # fmt: skip
# A phase begins when the run has written what is named here; seconds until the kill are drawn up to
# the number beside it.
PHASES: dict[str, float] = {
    "starting": 4.0,
    "restoring or compiling": 1.5,
    "training": 1.0,
    "writing a checkpoint": 0.05,
    "after an epoch's line": 0.05,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    whole, killed = options.workdir / "whole", options.workdir / "killed"
    finish(whole)
    rng = random.Random(options.seed)
    fell: Counter[str] = Counter()
    while fell.total() < options.kills:
        # In turn, so that each phase has its share.
        phase = list(PHASES)[fell.total() % len(PHASES)]
        was_in = kill_in(phase, killed, rng.uniform(0, PHASES[phase]))
        if was_in is None:
            print(f"the run ended after {fell.total()} kills; more steps are needed")
            return 1
        fell[was_in] += 1
        print(f"kill {fell.total()}: {was_in}, step {latest_step(killed)} saved", flush=True)
    finish(killed)
    print(", ".join(f"{count} {phase}" for phase, count in fell.items()))
    if different := differences(whole, killed):
        print("\n".join(different))
        return 1
    print(f"after {options.kills} kills the run is equal to one that was left alone")
    return 0


def finish(workdir: Path) -> None:
    """Runs to the end, unless that was done before."""
    subprocess.run([*COMMAND, f"--workdir={workdir}"], check=True, stderr=subprocess.DEVNULL)


def kill_in(phase: str, workdir: Path, seconds: float) -> str | None:
    """Starts the run, and kills it so long after `phase` began; None if it ended before.

    Returns the phase that it was killed in, which may be the next one.
    """
    before = marks(workdir)
    run = subprocess.Popen(
        [*COMMAND, f"--workdir={workdir}"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    while phase != "starting" and phase not in begun(before, marks(workdir)):
        if run.poll() is not None:
            return None
        time.sleep(0.002)
    time.sleep(seconds)
    run.send_signal(signal.SIGKILL)
    if run.wait() != -signal.SIGKILL:
        return None
    return now_in(before, marks(workdir))


def marks(workdir: Path) -> dict[str, Any]:
    """What a run's folder shows from outside."""
    checkpoints = workdir / "checkpoints"
    names = {path.name for path in checkpoints.glob("*")}
    metrics = workdir / "metrics.jsonl"
    lock = workdir / "lock"
    return {
        "locked": lock.stat().st_mtime_ns if lock.exists() else None,
        "steps": saved_steps(workdir),
        "unfinished": {name for name in names if not name.isdigit()},
        "epochs": len(metrics.read_text().splitlines()) if metrics.exists() else 0,
    }


def begun(before: dict[str, Any], now: dict[str, Any]) -> set[str]:
    """The phases that a run which began at `before` has reached."""
    phases = {"starting"}
    if now["locked"] != before["locked"]:
        phases.add("restoring or compiling")
    if now["unfinished"] - before["unfinished"]:
        phases.add("writing a checkpoint")
    if now["steps"] - before["steps"]:
        phases.add("training")
    if now["epochs"] > before["epochs"]:
        phases.add("after an epoch's line")
    return phases


def now_in(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Where a kill fell: the most exact phase that the folder it left speaks of."""
    if now["unfinished"]:
        return "writing a checkpoint"
    phases = begun(before, now)
    return [phase for phase in (*PHASES,) if phase in phases and phase != "writing a checkpoint"][
        -1
    ]


def latest_step(workdir: Path) -> int:
    return max((int(name) for name in marks(workdir)["steps"]), default=0)


if __name__ == "__main__":
    sys.exit(main())
