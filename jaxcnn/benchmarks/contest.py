"""Times workloads in rounds, ours and the rival's in turns, and says what came out."""

import statistics
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from jaxcnn.benchmarks.ours import Ours, matmul_flops
from jaxcnn.benchmarks.rival import Rival
from jaxcnn.benchmarks.workload import Workload
from jaxcnn.errors import UserError

# A round is long enough that the clock and a single interruption do not matter. Its first step is
# not counted: while the other side had its turn, the system took this one's free memory back.
ROUND_SECONDS, FEWEST_STEPS = 1.5, 2
# What chooses between the rival's two forms: turns of each before ours begin.
HEATS = 2
# Forward, gradient to the activations, gradient to the weights.
PASSES = {"train": 3, "infer": 1}

Runner = Callable[[int], list[float]]


def contest(workload: Workload, *, rounds: int, python: str | None = None) -> dict[str, Any]:
    """Times `workload` here and, with `python`, in timm under that interpreter.

    Both sides take turns, a round each, so that what else the machine does meets both alike. timm
    runs eager or under torch.compile, whichever was faster in turns of their own before.

    Returns figures ready for JSON: per side images per second (median over rounds, lowest, highest)
    and peak memory of its process in bytes; for ours seconds of compilation, multiply-accumulates
    per image, and the fraction of the machine's peak (a large float32 matrix product, measured
    before and after, in this process) that the model's convolutions and matrix products make of it;
    with a rival `ratio`, the median over rounds of our images per second over its.
    """
    with ExitStack() as stack:
        # First, because a process starts with its parent's peak memory as its own.
        rival = stack.enter_context(faster_rival(workload, python)) if python is not None else None
        peak = matmul_flops()
        ours = Ours(workload)
        runners = [ours.seconds] + ([rival.seconds] if rival else [])
        mine, *others = time_in_turns(runners, rounds)
    peak = max(peak, matmul_flops())
    figures = _images_per_second(mine, workload.batch_size)
    flops = 2 * ours.macs * PASSES[workload.mode] * figures["images_per_second"]
    result: dict[str, Any] = {
        "arch": workload.arch,
        "mode": workload.mode,
        "batch_size": workload.batch_size,
        "image_size": workload.image_size,
        "precision": workload.precision,
        "ours": {
            **figures,
            "peak_bytes": ours.peak_bytes,
            "compile_seconds": ours.compile_seconds,
            "gmacs": ours.macs / 1e9,
            "fraction_of_peak": flops / peak,
        },
        "peak_gflops": peak / 1e9,
    }
    if rival is not None:
        [theirs] = others
        result["rival"] = {
            **_images_per_second(theirs, workload.batch_size),
            "peak_bytes": rival.peak_bytes,
            "form": rival.form,
            "compile_failed": rival.compile_failed,
            "versions": rival.versions,
        }
        result["ratio"] = statistics.median(b / a for a, b in zip(mine, theirs, strict=True))
    return result


def faster_rival(workload: Workload, python: str) -> Rival:
    """timm eager or under torch.compile, whichever is faster here; the other's process has ended.

    Where it cannot be compiled (no C++ compiler, a model that torch.compile does not take) it is
    eager, and `compile_failed` says why. Raises UserError where timm cannot be run at all.
    """
    eager = Rival(workload, python)
    try:
        compiled = Rival(workload, python, "torch.compile")
    except UserError as error:
        eager.compile_failed = str(error)
        return eager
    one, other = time_in_turns([eager.seconds, compiled.seconds], HEATS)
    slower_when_compiled = statistics.median(one) <= statistics.median(other)
    faster, slower = (eager, compiled) if slower_when_compiled else (compiled, eager)
    slower.close()
    return faster


def time_in_turns(runners: list[Runner], rounds: int) -> list[list[float]]:
    """For each runner, the median seconds of a step in each round, but for its first step."""
    steps = [max(FEWEST_STEPS, round(ROUND_SECONDS / min(runner(2)))) for runner in runners]
    medians: list[list[float]] = [[] for _ in runners]
    for _ in range(rounds):
        for runner, count, kept in zip(runners, steps, medians, strict=True):
            kept.append(statistics.median(runner(1 + count)[1:]))
    return medians


def _images_per_second(seconds: list[float], batch_size: int) -> dict[str, float]:
    return {
        "images_per_second": batch_size / statistics.median(seconds),
        "lowest": batch_size / max(seconds),
        "highest": batch_size / min(seconds),
    }
