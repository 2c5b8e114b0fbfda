from dataclasses import dataclass, field
from typing import Annotated, Literal

import pytest

from jaxcnn.errors import UserError
from jaxcnn.ranges import ABOVE_0, NOT_NEGATIVE, SHARE, at_most, check_ranges, ranges_of, up_to


@dataclass(frozen=True)
class Inner:
    drop_rate: Annotated[float | None, SHARE] = None


@dataclass(frozen=True)
class Outer:
    name: str = "any"
    side: Annotated[int, ABOVE_0, at_most(9)] = 1
    workers: Annotated[int | Literal["auto"], NOT_NEGATIVE] = "auto"
    inner: Inner = field(default_factory=Inner)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (Outer(side=0), "--side=0 is out of range; it must be above 0"),
        (Outer(side=10), "--side=10 is out of range; it must be at most 9"),
        (Outer(workers=-1), "--workers=-1 is out of range; it must be 0 or more"),
        (
            Outer(inner=Inner(1.5)),
            "--inner.drop-rate=1.5 is out of range; it must be betw",
        ),
        (Outer(side=-(10**500)), "--side=-10000"),
    ],
)
def test_a_value_out_of_its_range_is_refused_by_its_flag_in_a_short_line(values, told):
    with pytest.raises(UserError) as error:
        check_ranges(values)
    assert str(error.value).startswith(told) and len(str(error.value)) < 120


def test_what_is_not_given_and_words_are_in_any_range():
    check_ranges(Outer(side=9))
    check_ranges(Outer(workers=3, inner=Inner(0.5)))


@pytest.mark.parametrize("allowed", [ABOVE_0, NOT_NEGATIVE, SHARE, up_to(9)], ids=lambda r: r.words)
def test_no_range_has_what_is_not_finite(allowed):
    assert allowed.holds(0.5)
    assert not any(map(allowed.holds, (float("nan"), float("inf"), -float("inf"))))


def test_ranges_are_read_off_the_fields():
    assert ranges_of(Inner) == {"drop_rate": (SHARE,)}
    assert [[r.words for r in found] for found in ranges_of(Outer).values()] == [
        [],
        ["above 0", "at most 9"],
        ["0 or more"],
        [],
    ]
