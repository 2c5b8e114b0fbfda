"""JSON as every reader takes it: a figure that is not finite is null, not NaN."""

import json
import math
from collections.abc import Mapping
from typing import Any


def dumps(values: Any, *, indent: int | None = None) -> str:
    """`values` of dictionaries, lists and plain values as JSON."""
    return json.dumps(_finite(values), indent=indent, allow_nan=False)


def _finite(values: Any) -> Any:
    if isinstance(values, Mapping):
        return {name: _finite(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [_finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values
