"""Which values the fields of a dataclass may have: said where a field is declared, beside its type.

@dataclass(frozen=True)
class Optim:
    lr: Annotated[float, ABOVE_0] = 0.1
"""

import math
import reprlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, get_type_hints

from jaxcnn.errors import UserError


@dataclass(frozen=True)
class Range:
    """What a field's value must be, where it is neither None nor a word such as "auto".

    Attributes:
        words: as they follow "it must be".
        holds: whether a value is in it; of NaN, that it is not.
    """

    words: str
    holds: Callable[[Any], bool]


ABOVE_0 = Range("above 0", lambda value: 0 < value < math.inf)
NOT_NEGATIVE = Range("0 or more", lambda value: 0 <= value < math.inf)
SHARE = Range("between 0 and 1", lambda value: 0 <= value <= 1)


def up_to(most: int) -> Range:
    """From 0 to `most`, both among them."""
    return Range(f"0 to {most}", lambda value: 0 <= value <= most)


def at_most(most: int) -> Range:
    """No bound below: for a field that has another range too."""
    return Range(f"at most {most}", lambda value: value <= most)


def check_ranges(values: Any) -> None:
    """Raises UserError, naming the flag, for the first field out of its range.

    `values` is a dataclass; flags of those in it begin with its field's name and a dot.
    """
    for flag, value, ranges in _ranged(values, ""):
        for allowed in ranges:
            if not allowed.holds(value):
                # Short, however many figures it has.
                shown = reprlib.repr(value)
                raise UserError(f"--{flag}={shown} is out of range; it must be {allowed.words}")


def ranges_of(kind: type) -> dict[str, tuple[Range, ...]]:
    """Of each field of a dataclass, in the order in which they are checked."""
    hints = _hints(kind)
    return {
        field.name: tuple(
            note
            for note in getattr(hints[field.name], "__metadata__", ())
            if isinstance(note, Range)
        )
        for field in fields(kind)
    }


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _ranged(values: Any, prefix: str) -> Iterator[tuple[str, Any, tuple[Range, ...]]]:
    """(flag, value, its ranges)."""
    for name, ranges in ranges_of(type(values)).items():
        value, flag = getattr(values, name), prefix + name.replace("_", "-")
        if is_dataclass(value):
            yield from _ranged(value, f"{flag}.")
        elif value is not None and not isinstance(value, str):
            yield flag, value, ranges
