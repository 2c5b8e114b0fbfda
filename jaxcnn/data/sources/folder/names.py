"""What the names of folders, and labels in a file, mean: splits, and classes in their order."""

import re
from collections.abc import Iterable, Mapping

SPLIT_NAMES: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "eval"),
}


def split_called(name: str) -> str | None:
    """The split, train, val or test, that a name stands for, in capital letters too; or None."""
    name = name.strip().lower()
    return next((split for split, names in SPLIT_NAMES.items() if name in names), None)


def in_order(classes: Iterable[str]) -> tuple[tuple[str, ...], str]:
    """The classes as they are numbered, and what is unusual in that, or "".

    Sorted as text, as torchvision does; names that are all whole numbers by their values, as timm
    does, for published weights count that way: of folders named 0 to 999 the class of 10 is 10.
    """
    as_text = sorted(classes)
    if not all(re.fullmatch("[0-9]+", name) for name in as_text):
        return tuple(as_text), ""
    by_value = sorted(as_text, key=lambda name: (int(name), name))
    if by_value == as_text:
        return tuple(as_text), ""
    torchvision = ", ".join(as_text[:4])
    return tuple(by_value), (
        f"the classes are numbers and sorted by value; torchvision's order is {torchvision}, ..."
    )
