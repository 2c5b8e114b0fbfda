"""What a person typed for a value, as the type that it is of."""

import ast
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from jaxcnn.errors import UserError
from jaxcnn.files.typed_json import typed

WORDS: Mapping[str, Any] = {"none": None, "null": None, "true": True, "false": False}
# Of a text that may be one of Python's lists.
MOST_CHARACTERS = 10_000


def from_text(kind: Any, text: str, name: str) -> Any:
    """`text` as the type `kind`, one that `typed` knows; `name` is the field's.

    The items of a list have commas or spaces between them, or stand in brackets, as Python has
    them. Raises UserError, naming the field, if the text means nothing of that type.
    """
    for meaning in _meanings(text):
        with suppress(UserError):
            return typed(kind, meaning, name)
    return typed(kind, text, name)


def _meanings(text: str) -> Iterator[Any]:
    """Not the text itself, which is the last that is tried."""
    if text.lower() in WORDS:
        yield WORDS[text.lower()]
    for kind in (float, int):
        with suppress(ValueError):
            yield kind(text)
    if text.startswith(("(", "[")) and len(text) <= MOST_CHARACTERS:
        with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            yield ast.literal_eval(text)
    parts = text.replace(",", " ").split()
    for kind in (float, int, _scalar, str):
        with suppress(ValueError):
            yield [kind(part) for part in parts]


def _scalar(text: str) -> Any:
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def text_of(value: Any) -> str:
    """A value as `from_text` takes it: 0.1, 1, none, true, 3,8."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case float():
            return repr(value).removesuffix(".0")
        case tuple() if any(isinstance(item, tuple) for item in value):
            return repr(value).replace(" ", "")
        case tuple():
            return ",".join(map(text_of, value))
    return str(value)
