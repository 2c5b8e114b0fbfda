"""Which models have a reference implementation to be held to, and what a new one needs for it.

A model says that it has one by a row: in `jaxcnn/weights/published.py` (timm has it, by the same
name), or in `cases.py` (which names it). Without either it is held to its own row alone.
"""

import json
from functools import cache

from jaxcnn.models import model_spec
from jaxcnn.weights.published import WEIGHTS
from tests.parity.cases import KEYS, NAMED


def reference_of(name: str) -> str | None:
    """`timm:NAME`, `torchvision:NAME` or `twin:NAME`; None of a model that says it has none."""
    return NAMED.get(name, f"timm:{name}" if name in WEIGHTS else None)


def family(name: str) -> str:
    """The module that has the model."""
    make = model_spec(name).make
    return getattr(make, "func", make).__module__


@cache
def digests() -> dict[str, str]:
    """Of the names and shapes of the references' weights, by our names."""
    return json.loads(KEYS.read_text())


def what_is_missing(name: str) -> str | None:
    """How to get what a model is held to its reference by, in one line; None if it is there."""
    reference = reference_of(name)
    if reference is None or name in digests():
        return None
    return (
        f"{name} is {reference}, whose names and shapes are not in {KEYS.name}: "
        "`python -m tests.parity.measure --sizes`, then with torch and timm "
        f"`PYTHONPATH=. python tests/parity/make_goldens.py --keys {name}`"
    )
