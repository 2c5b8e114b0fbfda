"""Images per second of training steps: ours, plain Flax's, timm's; each in a process of its own.

On a GPU they are not timed in turns, as `jaxcnn.benchmark` does, but one after the other, each
alone with the device. What compiles on the host (torch.compile) does so meanwhile; two programs of
XLA never, for each tries its kernels on the device to choose the fastest.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from threading import Semaphore
from typing import Any

from jaxcnn.benchmark.contest import time_in_turns
from jaxcnn.benchmark.rival import COMPILED, EAGER, FLAX, PLAIN_FLAX, TORCH, Rival
from jaxcnn.benchmark.workload import Precision, workload_of
from jaxcnn.errors import UserError
from jaxcnn.models.tools.size_and_work import gmacs_of
from jaxcnn.selfcheck.limited import limited
from jaxcnn.selfcheck.outcome import Outcome
from jaxcnn.xla.device_memory import SHARED
from jaxcnn.xla.flags import computes_on_cpu

OURS, EXACT = "jaxcnn", "jaxcnn --deterministic"
TIMM = (COMPILED, EAGER)
ROUNDS = 3
# The share of the speed that --deterministic may cost.
HIGHEST_PRICE = 0.05
# With less time left nothing is begun.
FEWEST_SECONDS = 10.0
# torch.compile's own processes use the other cores; more models would not fit beside ours.
BESIDE, ALIVE = 2, 3


@dataclass(frozen=True)
class Entry:
    """One side's training step of a model."""

    side: str
    arch: str
    batch_size: int
    precision: Precision

    @property
    def name(self) -> str:
        return f"{self.side}: {self.arch}, batch {self.batch_size}, {self.precision}"


def quick_entries(*, on_gpu: bool) -> list[Entry]:
    if on_gpu:
        return [Entry(OURS, "resnet50", size, "bfloat16") for size in (128, 256)]
    return [Entry(OURS, "resnet18", 8, "float32")]


def full_entries(*, on_gpu: bool) -> list[Entry]:
    """In the order of their importance, for time may run out."""
    if not on_gpu:
        sides = (OURS, PLAIN_FLAX, EAGER, COMPILED)
        return [
            Entry(side, arch, 8, "float32")
            for arch in ("resnet18", "efficientnet_b0")
            for side in sides
        ]
    others = (
        "efficientnet_b0",
        "convnext_tiny",
        "vit_small_patch16_224",
        "swin_tiny_patch4_window7_224",
        "densenet121",
        "seresnet50",
        "resnext50_32x4d",
    )
    archs = ("resnet50", *others)

    def of_all(side: str, archs: Sequence[str]) -> list[Entry]:
        return [Entry(side, arch, 128, "bfloat16") for arch in archs]

    return [
        *(Entry(side, "resnet50", 128, "bfloat16") for side in (OURS, EXACT, PLAIN_FLAX)),
        Entry(OURS, "resnet50", 256, "bfloat16"),
        *of_all(OURS, others),
        *of_all(PLAIN_FLAX, others),
        *of_all(EXACT, others),
        *of_all(COMPILED, archs),
        Entry(COMPILED, "resnet50", 256, "bfloat16"),
        *of_all(EAGER, archs),
    ]


def check_speed(
    entries: Sequence[Entry],
    *,
    seconds: float,
    on_gpu: bool,
    peak_flops: float | None,
    say: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Times `entries` in their order, timm's beside ours where there is a GPU, until time is up.

    Args:
        seconds: how long all may take.
        peak_flops: FLOP/s of a large matrix product of the entries' precision.
        say: told of each result as it comes.
    """
    until = time.monotonic() + seconds
    rows: list[dict[str, Any]] = []
    failures: list[str] = []
    skipped: list[str] = []
    places = Semaphore(ALIVE)

    def prepared(entry: Entry) -> Rival:
        places.acquire()
        try:
            return start(entry, until)
        except UserError:
            places.release()
            raise

    def measure(entry: Entry, prepare: Callable[[], Rival]) -> None:
        try:
            with given_back(prepare(), places) as rival:
                rows.append(timed(entry, rival, peak_flops))
        except UserError as error:
            late = time.monotonic() > until - 2
            broken = failures if entry.side in (OURS, EXACT) and not late else skipped
            broken.append(f"{entry.name}: {'no time left' if late else error}")
        else:
            say(f"{entry.name}: {rows[-1]['images_per_second']:,.0f} images/s")

    if not (find_spec("torch") and find_spec("timm")):
        if any(entry.side in TIMM for entry in entries):
            skipped.append("timm: torch and timm are not installed beside this Python")
        entries = [entry for entry in entries if entry.side not in TIMM]
    beside = [entry for entry in entries if on_gpu and entry.side in TIMM]
    with ThreadPoolExecutor(BESIDE) as pool:
        waiting: dict[Future[Rival], Entry] = {
            pool.submit(prepared, entry): entry for entry in beside
        }
        for entry in entries:
            if entry in beside:
                continue
            measure(entry, lambda entry=entry: prepared(entry))
            for future in [future for future in waiting if future.done()]:
                measure(waiting.pop(future), future.result)
        while waiting:
            first = min(waiting, key=lambda future: not future.done())
            measure(waiting.pop(first), first.result)
    return Outcome(
        {"rows": rows},
        tuple(failures),
        notes=tuple(shortfalls(rows)),
        skipped=tuple(skipped),
    )


def start(entry: Entry, until: float) -> Rival:
    """The process of `entry`, compiled. Raises UserError where there is no time, or it cannot."""
    left = until - time.monotonic()
    if left < FEWEST_SECONDS:
        raise UserError("no time left")
    workload = workload_of(entry.arch, entry.batch_size, precision=entry.precision)
    environment = {**os.environ, **SHARED}
    if entry.side in TIMM:
        command = [sys.executable, str(TORCH), entry.side, "tf32"]
        command.append("cpu" if computes_on_cpu() else "cuda")
        environment = dict(os.environ)
    elif entry.side == PLAIN_FLAX:
        command = [sys.executable, "-m", FLAX]
    else:
        command = [sys.executable, "-m", "jaxcnn.benchmark.served"]
        command += ["--deterministic"] if entry.side == EXACT else []
    return Rival(workload, entry.side, limited(left, command), environment)


@contextmanager
def given_back(rival: Rival, places: Semaphore) -> Iterator[Rival]:
    try:
        with rival:
            yield rival
    finally:
        places.release()


def timed(entry: Entry, rival: Rival, peak_flops: float | None) -> dict[str, Any]:
    [seconds] = time_in_turns([rival.seconds], ROUNDS)
    rate = entry.batch_size / statistics.median(seconds)
    # Forward and both gradients, two operations each.
    flops_per_image = 6e9 * gmacs_of(entry.arch)
    return {
        "side": entry.side,
        "arch": entry.arch,
        "batch_size": entry.batch_size,
        "precision": entry.precision,
        "images_per_second": rate,
        "lowest": entry.batch_size / max(seconds),
        "highest": entry.batch_size / min(seconds),
        "mfu": peak_flops and rate * flops_per_image / peak_flops,
        "compile_seconds": rival.compile_seconds,
        "peak_bytes": rival.peak_bytes,
    }


def shortfalls(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """In plain words, where ours is slower than what it is to beat."""
    found = {(row["side"], row["arch"], row["batch_size"]): row for row in rows}
    for (side, arch, batch_size), row in found.items():
        if side != OURS:
            continue
        for rival, least in ((PLAIN_FLAX, 1.0), (COMPILED, least_of_compiled(arch)), (EAGER, 1.0)):
            theirs = found.get((rival, arch, batch_size))
            if theirs is None:
                continue
            ratio = row["images_per_second"] / theirs["images_per_second"]
            if ratio < least:
                yield (
                    f"{arch}, batch {batch_size}: {ratio:.2f} times as fast as {rival}; "
                    f"{least} is the goal"
                )
        compiled, exact = (found.get((other, arch, batch_size)) for other in (COMPILED, EXACT))
        if compiled is not None and row["compile_seconds"] > compiled["compile_seconds"]:
            yield (
                f"{arch}, batch {batch_size}: compiled in {row['compile_seconds']:.0f} s, by "
                f"torch.compile in {compiled['compile_seconds']:.0f} s"
            )
        if exact is not None:
            price = 1 - exact["images_per_second"] / row["images_per_second"]
            if price > HIGHEST_PRICE:
                yield (
                    f"{arch}, batch {batch_size}: --deterministic costs {price:.0%} of the speed; "
                    f"{HIGHEST_PRICE:.0%} is the goal"
                )


def least_of_compiled(arch: str) -> float:
    """How many times as fast as torch.compile ours is to be."""
    return 2.0 if arch == "efficientnet_b0" else 1.1
