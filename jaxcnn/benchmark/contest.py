"""Times workloads in rounds, ours and the rival's in turns, and says what came out."""

import statistics
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import jax

from jaxcnn.benchmark.ours import Ours
from jaxcnn.benchmark.peak import matmul_flops
from jaxcnn.benchmark.rival import COMPILED, EAGER, Rival, timm
from jaxcnn.benchmark.workload import Workload
from jaxcnn.errors import UserError
from jaxcnn.xla import device_memory

# A round is long enough that the clock and a single interruption do not matter. Its first step is
# not counted: while the other side had its turn, the system took this one's free memory back.
ROUND_SECONDS, FEWEST_STEPS = 1.5, 2
# What chooses between the rival's two forms: turns of each before ours begin.
HEATS = 2

Runner = Callable[[int], list[float]]


def contest(
    ours: Ours, *, rounds: int, find_rival: Callable[[Workload], Rival] | None = None
) -> dict[str, Any]:
    """Times our side, and the rival's that `find_rival` starts.

    Both sides take turns, a round each, so that what else the machine does meets both alike.

    Returns figures ready for JSON: the device; per side images per second (median over rounds,
    lowest, highest), `mfu`, peak memory in bytes and seconds of compilation; for ours
    multiply-accumulates per image; with a rival `ratio`, the median over rounds of our images per
    second over its.

    `mfu` is the model's share of the peak ("model FLOPs utilisation", Chowdhery et al., 2022,
    https://arxiv.org/abs/2204.02311, appendix B): what its convolutions and matrix products make
    of `peak_gflops`, a large matrix product's in the same precision, measured before and after.
    Vendors' figures for the peak are higher.
    """
    workload = ours.workload
    with ExitStack() as stack:
        # First, because a process starts with its parent's peak memory as its own.
        rival = stack.enter_context(find_rival(workload)) if find_rival is not None else None
        peak = matmul_flops(workload.precision)
        runners = [ours.seconds] + ([rival.seconds] if rival else [])
        mine, *others = time_in_turns(runners, rounds)
        peak_bytes = device_memory.peak_bytes()
    peak = max(peak, matmul_flops(workload.precision))

    def figures(seconds: list[float]) -> dict[str, Any]:
        rates = _images_per_second(seconds, workload.batch_size)
        return {**rates, "mfu": ours.flops_per_image * rates["images_per_second"] / peak}

    result: dict[str, Any] = {
        "arch": workload.arch,
        "mode": workload.mode,
        "batch_size": workload.batch_size,
        "image_size": workload.image_size,
        "precision": workload.precision,
        "device": jax.local_devices()[0].device_kind,
        "ours": {
            **figures(mine),
            "peak_bytes": peak_bytes,
            "compile_seconds": ours.compile_seconds,
            "gmacs": ours.macs / 1e9,
        },
        "peak_gflops": peak / 1e9,
    }
    if rival is not None:
        [theirs] = others
        result["rival"] = {
            **figures(theirs),
            "peak_bytes": rival.peak_bytes,
            "compile_seconds": rival.compile_seconds,
            "form": rival.form,
            "compile_failed": rival.compile_failed,
            "versions": rival.versions,
        }
        result["ratio"] = statistics.median(b / a for a, b in zip(mine, theirs, strict=True))
    return result


def faster_timm(workload: Workload, python: str) -> Rival:
    """timm eager or under torch.compile, whichever is faster here; the other's process has ended.

    Where it cannot be compiled (no C++ compiler, a model that torch.compile does not take) it is
    eager, and `compile_failed` says why. Raises UserError where timm cannot be run at all.
    """
    eager = timm(workload, python, EAGER)
    try:
        compiled = timm(workload, python, COMPILED)
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
