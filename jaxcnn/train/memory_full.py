"""A batch that a device's memory does not take, and one that it does."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax

from jaxcnn.engine.mesh import bytes_on_a_device
from jaxcnn.engine.program import Program
from jaxcnn.errors import UserError
from jaxcnn.recipe import Recipe
from jaxcnn.xla.device_errors import TO_SHARE, bytes_counted, is_out_of_memory
from jaxcnn.xla.device_memory import program_bytes

# What a step's own count leaves out: other programs of the run, and room lost between arrays.
USABLE = 0.9


@contextmanager
def one_line_if_memory_is_full(recipe: Recipe, program: Program) -> Iterator[None]:
    """Within it a device that has no room for the run's steps raises UserError, with a way out."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(_way_out(recipe, program, error)) from error


def _way_out(recipe: Recipe, program: Program, error: Exception) -> str:
    counted = bytes_counted(str(error)) or _bytes_of_step(recipe, program)
    if counted is None:
        return (
            f"--batch-size={recipe.batch_size} does not fit the memory; give a smaller one, or "
            f"{' or '.join(_savings(recipe, program))}"
        )
    used, available = counted
    takes = f"takes {used / 1e9:.3g} GB of {available / 1e9:.3g} GB a device"
    if used < USABLE * available:
        return f"the device's memory is full, though a step {takes}; {TO_SHARE}"
    unit = program.rows.mesh.size * recipe.optim.accumulate_steps
    best = batch_that_fits(
        recipe.batch_size,
        used=used,
        fixed=bytes_on_a_device(program.state_like),
        available=USABLE * available,
        unit=unit,
    )
    problem = f"--batch-size={recipe.batch_size} does not fit: a step {takes}"
    if best is None:
        return (
            f"{problem}; no smaller one does; --mesh.fsdp, --precision or another --arch may help"
        )
    parts = _parts(recipe.batch_size, best, unit)
    return (
        f"{problem}; --batch-size={best} should, or the same with "
        f"{' or '.join(_savings(recipe, program, parts * recipe.optim.accumulate_steps))}"
    )


def batch_that_fits(
    batch_size: int, *, used: float, fixed: float, available: float, unit: int
) -> int | None:
    """The largest multiple of `unit` below `batch_size` that should fit; None if not even `unit`.

    Memory (bytes) is taken to be a `fixed` part and one that grows with the batch.
    """
    per_image = max(used - fixed, 1.0) / batch_size
    best = min(int(max(available - fixed, 0) / per_image), batch_size - 1) // unit * unit
    return best or None


def _parts(batch_size: int, fits: int, unit: int) -> int:
    """The fewest equal parts of a batch, all multiples of `unit`, of which each fits."""
    units = batch_size // unit
    return next(
        parts for parts in range(2, units + 1) if not units % parts and batch_size <= parts * fits
    )


def _savings(recipe: Recipe, program: Program, accumulate_steps: int | str = "N") -> list[str]:
    ways = [f"--optim.accumulate-steps={accumulate_steps}"]
    if not recipe.model.remat and hasattr(program.model, "remat"):
        ways.append("--model.remat")
    return ways


def _bytes_of_step(recipe: Recipe, program: Program) -> tuple[float, float] | None:
    """What the compiled training step takes on a device, and what a device has, if it says so."""
    devices = program.rows.mesh.local_devices or ()
    stats = [device.memory_stats() or {} for device in devices]
    available = min((each.get("bytes_limit", 0) for each in stats), default=0)
    if not available:
        return None
    try:
        # Not compiled again, but found where it was kept.
        used = program_bytes(program.lower_train(recipe.image_size).compile())
    except jax.errors.JaxRuntimeError:
        return None
    return None if used is None else (used, available)
