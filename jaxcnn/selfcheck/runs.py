"""Training is exact: a run made twice, and one killed and gone on with, end with equal bits."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from jaxcnn.selfcheck.ask import ON_CPU, SHARED, ask, last_line
from jaxcnn.selfcheck.outcome import Outcome

# It has max pooling and batch normalisation, whose gradients are the first to differ.
TRAINING = (
    "--arch=resnet18", "--image-size=32", "--batch-size=8", "--steps=16", "--optim.name=sgd",
    "--optim.lr=0.05", "--checkpoint-every-steps=6", "--deterministic",
)  # fmt: skip


class Ended(Exception):
    """A run did not do what it was to do; the message is why."""


def check_runs(*, seconds: float, training: Sequence[str] = TRAINING) -> Outcome:
    """Trains in folders of its own, each run a process, with one compilation cache for all.

    Args:
        seconds: how long all may take.
        training: flags of `python -m jaxcnn.train`.
    """
    until = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        whole, cache = folder / "whole", folder / "cache"
        took: dict[str, float] = {}
        equal: dict[str, Outcome] = {}

        def compare(what: str, workdir: Path) -> None:
            took[what] = finish(training, workdir, cache, until)
            equal[what] = ask(
                "equal runs",
                seconds=max(1.0, until - time.monotonic()),
                environment=ON_CPU,
                one=str(whole),
                other=str(workdir),
                what=what,
            )

        try:
            took["first run"] = finish(training, whole, cache, until)
            compare("the same run again", folder / "again")
            killed = folder / "killed"
            step = kill_at_a_checkpoint(training, killed, cache, until)
            compare(f"a run killed at step {step} and gone on with", killed)
        except Ended as reason:
            failures: tuple[str, ...] = (f"training: {reason}",)
            skipped: tuple[str, ...] = ()
        except subprocess.TimeoutExpired:
            failures, skipped = (), (f"runs: not all done in {seconds:.0f} s",)
        else:
            failures, skipped = (), ()
    return Outcome(
        {
            "training": " ".join(training),
            "seconds": took,
            "equal": {what: outcome.figures.get("equal") for what, outcome in equal.items()},
        },
        failures + tuple(line for outcome in equal.values() for line in outcome.failures),
        skipped=skipped + tuple(line for outcome in equal.values() for line in outcome.skipped),
    )


def start(training: Sequence[str], workdir: Path, cache: Path) -> subprocess.Popen[bytes]:
    # Not a pipe, which a run that nobody reads from would wait for when it is full.
    with words(workdir).open("a") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "jaxcnn.train", *training, f"--workdir={workdir}"],
            stdout=subprocess.DEVNULL,
            stderr=said,
            env={**os.environ, **SHARED, "XDG_CACHE_HOME": str(cache)},
        )


def words(workdir: Path) -> Path:
    """What the run in `workdir` says on standard error."""
    return workdir.with_name(f"{workdir.name}.log")


def finish(training: Sequence[str], workdir: Path, cache: Path, until: float) -> float:
    """Runs to the end, or goes on to it; the seconds that took."""
    began = time.monotonic()
    with start(training, workdir, cache) as run:
        try:
            run.wait(timeout=max(0.0, until - began))
        finally:
            run.kill()
    if run.returncode != 0:
        raise Ended(last_line(words(workdir).read_text(), run.returncode))
    return time.monotonic() - began


def kill_at_a_checkpoint(training: Sequence[str], workdir: Path, cache: Path, until: float) -> int:
    """Starts a run and kills it as soon as a checkpoint is whole; the checkpoint's step."""
    checkpoints = workdir / "checkpoints"
    with start(training, workdir, cache) as run:
        while not (saved := [p.name for p in checkpoints.glob("*") if p.name.isdigit()]):
            if run.poll() is not None:
                raise Ended(last_line(words(workdir).read_text(), run.returncode))
            if time.monotonic() > until:
                run.kill()
                raise subprocess.TimeoutExpired(run.args, 0)
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
    if (workdir / "summary.json").exists():
        raise Ended("it was done before it could be killed; give it more steps")
    return max(map(int, saved))
