"""JSON from anyone becomes what its fields are declared as, or is refused by the field's name."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcnn.errors import UserError
from jaxcnn.files.typed_json import typed


@dataclass(frozen=True)
class Inner:
    rate: float = 0.5
    name: Literal["sgd", "adam"] = "sgd"


@dataclass(frozen=True)
class Outer:
    steps: int
    inner: Inner = field(default_factory=Inner)
    sizes: tuple[int, ...] = ()
    pair: tuple[float, float] = (0.0, 1.0)
    note: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    flag: bool = False


OUTERS = st.builds(
    Outer,
    steps=st.integers(-(2**63), 2**63 - 1),
    inner=st.builds(Inner, st.floats(allow_nan=False, allow_infinity=False)),
    sizes=st.lists(st.integers(0, 9)).map(tuple),
    note=st.none() | st.text(),
    counts=st.dictionaries(st.text(), st.integers(0, 9)),
    flag=st.booleans(),
)


@given(OUTERS)
def test_what_was_written_is_read_back(value):
    assert typed(Outer, asdict(value), "") == value


def test_a_field_that_is_left_out_has_its_default_and_a_list_is_a_tuple():
    assert typed(Outer, {"steps": 3, "sizes": [1, 2]}, "") == Outer(3, sizes=(1, 2))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "it is [], not an object"),
        ({}, "it has no field steps"),
        ({"steps": 1, "stepz": 2}, "it has an unknown field 'stepz'"),
        ({"steps": True}, "steps is True, not a whole number"),
        ({"steps": 1.0}, "steps is 1.0, not a whole number"),
        ({"steps": 2**63}, "not a whole number"),
        ({"steps": 1, "flag": 1}, "flag is 1, not true or false"),
        ({"steps": 1, "inner": {"rate": math.inf}}, "inner.rate is inf, not a finite number"),
        ({"steps": 1, "inner": {"rate": "1"}}, "inner.rate is '1', not a finite number"),
        ({"steps": 1, "inner": {"name": "lion"}}, "inner.name is 'lion', not sgd or adam"),
        ({"steps": 1, "inner": 3}, "inner is 3, not an object"),
        ({"steps": 1, "sizes": [1, "2"]}, "sizes[1] is '2', not a whole number"),
        ({"steps": 1, "pair": [1.0]}, "pair is [1.0], not a list of 2 times a finite number"),
        ({"steps": 1, "note": 4}, "note is 4, not text or null"),
        ({"steps": 1, "counts": {"a": None}}, "counts.'a' is None, not a whole number"),
    ],
)
def test_what_is_no_such_thing_is_refused_by_its_name(value, message):
    with pytest.raises(UserError) as caught:
        typed(Outer, value, "")
    assert message in str(caught.value)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=9))
def test_whatever_it_is_the_refusal_is_one_short_line(value):
    kinds: list[Any] = [int, Outer, tuple[int, int], Literal["a", "b"]]
    for kind in kinds:
        try:
            typed(kind, value, "field")
        except UserError as error:
            assert len(str(error).splitlines()) == 1 and len(str(error)) < 300
