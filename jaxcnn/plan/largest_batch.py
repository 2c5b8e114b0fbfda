"""The largest batch that a chip's memory takes, by few compilations."""

from collections.abc import Callable


class DoesNotFit(Exception):
    """The compiler found that a program needs more memory than a chip has (bytes)."""

    def __init__(self, used: float, available: float) -> None:
        super().__init__(f"{used:.0f} of {available:.0f} bytes")
        self.used = used
        self.available = available


def largest_batch(
    batch_size: int,
    problem: DoesNotFit,
    compile_for: Callable[[int], object],
    *,
    unit: int,
    fixed_bytes: float,
) -> int | None:
    """The largest multiple of `unit` below `batch_size` that fits; None if not even `unit` does.

    Memory is taken to be a part that does not depend on the batch, and one that grows with it.
    The size this gives is compiled; where it does not fit, its figures give the next.

    Args:
        batch_size: that did not fit.
        problem: what the compiler said of it.
        compile_for: compiles for a batch size; raises DoesNotFit.
        unit: what the batch must be a multiple of.
        fixed_bytes: the state on a chip.
    """
    while True:
        per_image = max(problem.used - fixed_bytes, 1.0) / batch_size
        room = int(max(problem.available - fixed_bytes, 0) / per_image)
        # Figures that leave out a part of the memory may see room where there is none.
        batch_size = min(room, batch_size * 15 // 16) // unit * unit
        if batch_size < unit:
            return None
        try:
            compile_for(batch_size)
        except DoesNotFit as error:
            problem = error
        else:
            return batch_size
