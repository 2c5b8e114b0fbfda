"""An HTML page in one file: its text escaped, its script the only one, nothing fetched."""

import base64
import hashlib
import math
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from jaxcnn.text.phrases import MOST_OF_A_NAME, printable

UNKNOWN = "–"


def rendered(template: str, **values: Any) -> str:
    """The template of that name in `templates/`, filled in. Names in it may be a stranger's."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("jaxcnn.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "name": lambda text: printable(str(text), MOST_OF_A_NAME),
        "fraction": fraction,
        "percent": percent,
        "number": number,
        "interval": interval,
    }
    source, _, _ = environment.loader.get_source(environment, "sort.js")  # pyright: ignore
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    environment.globals |= {"script": source, "script_digest": digest}
    return environment


def fraction(value: float | None) -> str:
    """A share, or a score of at most 1: 0.9167."""
    return UNKNOWN if _is_undefined(value) else f"{value:.4f}"


def percent(value: float | None) -> str:
    return UNKNOWN if _is_undefined(value) else f"{value:.1%}"


def number(value: float | None) -> str:
    """A count with its thousands apart, or four digits of what is none."""
    if _is_undefined(value):
        return UNKNOWN
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def interval(ends: tuple[float, float] | None) -> str:
    """Both ends of a 95 % interval: 0.8833 to 0.9411."""
    return "" if ends is None else f"{ends[0]:.4f} to {ends[1]:.4f}"


def _is_undefined(value: float | None) -> bool:
    return value is None or not math.isfinite(value)
