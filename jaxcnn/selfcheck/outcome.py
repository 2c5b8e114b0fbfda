"""What a check found."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """Plain values, ready for JSON.

    Attributes:
        figures: what was measured.
        failures: a sentence for each thing that is wrong; selfcheck then ends with status 1.
        notes: a sentence for each thing that is right but less than it could be.
        skipped: what there was no time for, or nothing to do it with, and why.
    """

    figures: dict[str, Any] = field(default_factory=dict)
    failures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
