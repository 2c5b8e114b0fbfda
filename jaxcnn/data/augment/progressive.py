"""Progressive resizing: training on small images first, and on ever larger ones.

As EfficientNetV2 trains, section 4.2 of Tan & Le, 2021, https://arxiv.org/abs/2104.00298: the run
is cut into stages of equal length, and the size grows evenly from stage to stage. (Their
augmentation grows stronger with it; here it stays as it is.)
"""

from collections.abc import Iterator
from dataclasses import dataclass

# Stages between the first and the last have sizes that all networks can halve a few times; of
# thumbnails, which few halve as often, there would be none.
MULTIPLE, OF_THUMBNAILS = 16, 4
LARGEST_THUMBNAIL = 32


@dataclass(frozen=True)
class Stages:
    """Which size training images have at which step: a function of the step alone.

    Attributes:
        sizes: of each stage, in pixels; the last is the size that is evaluated at.
        total_steps: of the run.
    """

    sizes: tuple[int, ...]
    total_steps: int

    def size_at(self, step: int) -> int:
        return next(self.between(step, step + 1))[0]

    def between(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """(size, first step, step after the last) of the parts of start <= step < stop."""
        number = len(self.sizes)
        # Rounded up, as a whole number of steps; what is asked for beyond the run is the last's.
        ends = [-(-self.total_steps * (stage + 1) // number) for stage in range(number - 1)]
        for size, end in zip(self.sizes, [*ends, max(stop, self.total_steps)], strict=True):
            end = min(end, stop)
            if start < end:
                yield size, start, end
                start = end


def growing(first: int, last: int, number: int) -> tuple[int, ...]:
    """Sizes of so many stages, evenly from `first` to `last`; fewer where two would be alike."""
    if first == last or number == 1:
        return (last,)
    even = (first + (last - first) * stage / (number - 1) for stage in range(1, number - 1))
    multiple = MULTIPLE if last > LARGEST_THUMBNAIL else OF_THUMBNAILS
    between = (round(size / multiple) * multiple for size in even)
    return tuple(sorted({first, *(min(max(size, first), last) for size in between), last}))
