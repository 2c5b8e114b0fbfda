"""How many processes or threads prepare batches: as many as the step needs, and as pay.

What preparing an image takes is measured here, at the start. What the step takes is not known
before it runs, and is estimated from the model's arithmetic. The batches are the same whatever is
chosen, so a wrong guess costs time and nothing else.
"""

import math
import os
from typing import NamedTuple

# A processor's core, in training: convolutions reach about half of what products do.
CPU_CORE_FLOPS = 40e9
# An H100, bfloat16: ResNet-50 trains at 120e12 there, and at 175e12 in MLPerf's record
# (https://mlcommons.org/benchmarks/training, v4.0). A slower device is fed by fewer.
ACCELERATOR_FLOPS = 175e12
# No training step is shorter an image, however small the model: what dispatching it takes.
CPU_LEAST_SECONDS = 50e-6
ACCELERATOR_LEAST_SECONDS = 10e-6
# A training step's arithmetic over that of the forward pass.
TRAINING_PASSES = 3
# Work, in seconds of a core, under which processes are not worth their start: a second or two in
# all of importing, and of sending them what they read from.
WORTH_PROCESSES = 30.0
# A thread of the training process shares Python with the loop.
SHARE_OF_A_THREAD = 0.5


class Hands(NamedTuple):
    """What prepares batches: so many processes, each of so many threads; or threads of this one."""

    workers: int
    threads: int = 1

    def __str__(self) -> str:
        threads = "" if self.threads == 1 else f", {self.threads} threads"
        return f"{self.workers} worker{'' if self.workers == 1 else 's'}{threads}"


def usable_cores() -> int:
    """Those that this process may run on."""
    if hasattr(os, "sched_getaffinity"):  # Linux; a container or Slurm may grant a part.
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def step_seconds_an_image(
    gmacs: float, *, platform: str, cores: int, accelerators: int = 1
) -> float:
    """What training takes an image at the least, estimated: seconds of all the host's devices.

    Args:
        gmacs: of the forward pass of one image, 1e9 multiply-accumulates.
        platform: "cpu", whose every core computes, or that of an accelerator, taken for a fast one.
        cores: of the host.
        accelerators: of the host, which share the images; CPU devices share the cores.
    """
    flops = 2e9 * gmacs * TRAINING_PASSES
    if platform == "cpu":
        return max(CPU_LEAST_SECONDS, flops / (CPU_CORE_FLOPS * cores))
    return max(ACCELERATOR_LEAST_SECONDS, flops / ACCELERATOR_FLOPS) / accelerators


def choose_hands(
    images: int,
    *,
    host_seconds: float,
    step_seconds: float,
    cores: int,
    may_start_processes: bool = True,
) -> Hands:
    """What is to prepare so many images.

    This process alone where one thread is fast enough, as for small images in memory and on a CPU,
    where the step is the slower by far. Else as many cores as keep up with the step, one left to
    the loop: processes, or threads for work so short that it would be done before they have started
    (they help where OpenCV decodes, which lets other threads run).

    Args:
        images: how many there are to prepare.
        host_seconds: what preparing one takes a core.
        step_seconds: what the step takes for one.
        cores: of the host.
        may_start_processes: whether it is possible here.
    """
    if host_seconds <= SHARE_OF_A_THREAD * step_seconds or cores == 1:
        return Hands(0)
    needed = min(math.ceil(host_seconds / step_seconds), cores - 1)
    if may_start_processes and images * host_seconds >= WORTH_PROCESSES:
        return Hands(needed)
    # Threads that mostly run Python only take it from each other.
    return Hands(0, needed if host_seconds >= 1e-3 else 1)
