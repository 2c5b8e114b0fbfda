"""What the host knows of a run, and keeps in each checkpoint beside the state on the devices."""

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from jaxcnn.files.typed_json import typed
from jaxcnn.task.metrics import Sums


@dataclass(frozen=True)
class Skipped:
    """Steps left out since loss or gradient was not finite: all of them, and the latest in a row.

    `in_a_row` is 0 again after a good one.
    """

    steps: int = 0
    in_a_row: int = 0


@dataclass
class Progress:
    """Changes as the run goes on; `to_json` is what a checkpoint keeps of it.

    Attributes:
        epoch_sums: what the metrics of the epoch's steps add up to so far.
        evaluated_step: the step at which the latest epoch was validated; 0 before.
        best: step and validation figures of the best epoch; None before there is one.
        seconds: the run's, over all its processes one after the other.
        skipped: of a recipe that leaves steps out.
        rollbacks: the steps at which the weights were taken back.
    """

    epoch_sums: Sums = field(default_factory=dict)
    evaluated_step: int = 0
    best: dict[str, Any] | None = None
    seconds: float = 0.0
    skipped: Skipped = Skipped()
    rollbacks: list[int] = field(default_factory=list)

    def good_step(self) -> None:
        """No step in a row is left out any more."""
        self.skipped = replace(self.skipped, in_a_row=0)

    def left_out(self) -> dict[str, int]:
        """How many steps were left out so far, and how often the run was taken back, if at all."""
        counts = {"skipped_steps": self.skipped.steps, "rollbacks": len(self.rollbacks)}
        return {name: count for name, count in counts.items() if count}

    def to_json(self) -> dict[str, Any]:
        """Plain values that do not change with the progress; what never happened is left out."""
        values = asdict(self)
        if self.skipped == Skipped():
            del values["skipped"]
        if not self.rollbacks:
            del values["rollbacks"]
        return values

    @classmethod
    def from_json(cls, values: Any) -> "Progress":
        """What `to_json` made `values` of; other keys are others' marks.

        Raises whatever values of other types make it raise.
        """
        best = values["best"]
        if best is not None:
            typed(int, best["step"], "best.step")
        known = {field.name for field in fields(cls)}
        given = {name: value for name, value in values.items() if name in known}
        given["evaluated_step"] = typed(int, values["evaluated_step"], "evaluated_step")
        if "skipped" in given:
            given["skipped"] = Skipped(**given["skipped"])
        return cls(**given)
