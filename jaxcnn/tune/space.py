"""What is searched: fields of a recipe, each a range of numbers or a list of values."""

import math
import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Union, get_args, get_origin

from jaxcnn.errors import UserError
from jaxcnn.files.typed_text import text_of
from jaxcnn.recipe import PLACE_FIELDS, Mesh
from jaxcnn.recipe.by_name import archs_in, field_called, field_types, listed_values

# What makes figures those of other images, or is none of what a recipe computes.
_OTHER_IMAGES = "trials are compared on the same validation images"
_PLACE = "it says where a run happens, not what it computes"
REFUSED = {
    "seed": "a seed is no choice but a draw; give --seed=N for all trials, and measure the best "
    "recipe over seeds by python -m jaxcnn.sweep",
    "test": "no trial opens the test split",
    "fold": _OTHER_IMAGES,
    "dataset": _OTHER_IMAGES,
    "data_dir": _OTHER_IMAGES,
    "labels": _OTHER_IMAGES,
    **{name: _PLACE for name in PLACE_FIELDS if name not in ("mesh", "data_dir", "labels")},
    **{f"mesh.{field.name}": _PLACE for field in fields(Mesh)},
}
EXAMPLE = "as optim.lr=log:1e-4:1e-1, augment.mixup=0:0.4 or model.drop_rate=0,0.2"


@dataclass(frozen=True)
class Interval:
    """Numbers from `low` to `high`, both among them.

    Attributes:
        log: drawn so that every power of ten is as likely as the next.
        whole: whole numbers alone.
    """

    low: float
    high: float
    log: bool
    whole: bool

    @property
    def ends(self) -> tuple[float, ...]:
        return self.low, self.high

    def __str__(self) -> str:
        return f"{'log:' * self.log}{text_of(self.low)}:{text_of(self.high)}"


@dataclass(frozen=True)
class Choices:
    """A list of values."""

    values: tuple[Any, ...]

    @property
    def ends(self) -> tuple[Any, ...]:
        return self.values

    def __str__(self) -> str:
        return ",".join(map(_word, self.values))

    def of_text(self, text: str) -> Any:
        """The value that `texts` has as `text`."""
        return self.values[self.texts.index(text)]

    @property
    def texts(self) -> list[str]:
        return list(map(_word, self.values))


# By a field's name.
Search = Mapping[str, Interval | Choices]


def read_search(words: Sequence[str], arch: str | None = None) -> dict[str, Interval | Choices]:
    """`["optim.lr=log:1e-4:1e-1", "model.drop_rate=0,0.2"]` as the fields and what they may be.

    `arch` is the architecture of the recipes, unless it is searched: its module's fields are
    called model.NAME too.

    Raises UserError for a field there is not, that is there twice or is none to search, and for
    what is no range and no list of values of the field's type.
    """
    if not words:
        raise UserError(f"--search is missing or empty; give FIELD=RANGE, {EXAMPLE}")
    kinds = field_types(archs_in(words) or [arch or ""])
    search: dict[str, Interval | Choices] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise UserError(f"--search: {word!r} is not FIELD=RANGE, {EXAMPLE}")
        try:
            field = field_called(name, kinds)
            if field in search:
                raise UserError(f"{field} is there twice; give it once")
            if field in REFUSED:
                raise UserError(f"{field} is not searched: {REFUSED[field]}")
            search[field] = _domain(field, kinds[field], text.strip())
        except UserError as error:
            raise UserError(f"--search: {error}") from error
    return search


def _domain(field: str, kind: Any, text: str) -> Interval | Choices:
    alternatives = _alternatives(kind)
    is_range = re.fullmatch(r"(\w+:)?[^:,]*:[^:,]*", text) is not None
    if str in alternatives or not is_range:
        values = listed_values(field, kind, text)
        if len(values) == 1:
            raise UserError(
                f"{field}={text} is one value, nothing to search; give several, a range LOW:HIGH, "
                f"or --{field.replace('_', '-')}={text}"
            )
        return Choices(values)
    if float not in alternatives and int not in alternatives:
        raise UserError(
            f"{field}={text} is a range, and the field is no number; give values with commas "
            f"between them, {field}=V1,V2"
        )
    return _interval(field, text, whole=float not in alternatives)


def _interval(field: str, text: str, *, whole: bool) -> Interval:
    *scale, low_text, high_text = text.split(":")
    if scale not in ([], ["log"]):
        raise UserError(f"{field}={text}: {scale[0]!r} is no scale; give LOW:HIGH or log:LOW:HIGH")
    log, kind = bool(scale), int if whole else float
    try:
        low, high = kind(low_text), kind(high_text)
    except ValueError as error:
        numbers = "whole numbers" if whole else "numbers"
        raise UserError(f"{field}={text} is not LOW:HIGH of two {numbers}") from error
    if not (math.isfinite(low) and math.isfinite(high)):
        raise UserError(f"{field}={text}: both ends must be finite")
    if low >= high:
        right = f"{high_text}:{low_text}" if low > high else "two different ends"
        raise UserError(f"{field}={text}: the first end must be the lower; give {right}")
    if log and low <= 0:
        raise UserError(
            f"{field}={text}: a logarithmic range begins above 0; leave log: out, or give a "
            "small number"
        )
    return Interval(low, high, log, whole)


def _alternatives(kind: Any) -> tuple[Any, ...]:
    is_union = get_origin(kind) in (Union, types.UnionType)
    return get_args(kind) if is_union else (kind,)


def _word(value: Any) -> str:
    """As it is typed, a list's items with spaces between them: commas are between values."""
    if isinstance(value, tuple) and not any(isinstance(item, tuple) for item in value):
        return " ".join(map(text_of, value))
    return text_of(value)
