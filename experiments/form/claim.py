"""A claim as an experiment's file states it: question, source, runs, measures, and how the answer
follows from what was measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from matplotlib.figure import Figure

from experiments.form.table import Table
from jaxcnn.recipe import Recipe
from jaxcnn.sweeps import Comparison, Estimate

Verdict = Literal["supported", "not supported", "undecided"]
SIGNIFICANT = 0.05  # Of a corrected p-value.
SMALLEST_P = 0.0001


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run, to be measured: its name among the claim's runs, its folder, its summary."""

    name: str
    folder: Path
    summary: Mapping[str, Any]


@dataclass(frozen=True)
class Measure:
    """A figure of a run.

    Attributes:
        label: with its unit, for the axis of a figure and the table.
        of: run -> figure.
        digits: after the point, as it is shown.
    """

    label: str
    of: Callable[[Run], float]
    digits: int = 4


@dataclass(frozen=True)
class Part:
    """Something that a claim says, what was measured of it, and whether that bears it out."""

    says: str
    measured: str
    verdict: Verdict

    def __str__(self) -> str:
        return f"{self.says}: {self.verdict} ({self.measured})"


@dataclass(frozen=True)
class Claim:
    """What an experiment's file states.

    Attributes:
        name: of the file.
        number: of the claim, in the order of the field's history.
        question: it, in a line.
        source: the paper, with its section or figure.
        setting: data, sizes and length of the runs, in a sentence.
        runs: by name; the first is the baseline of the table.
        measures: by the name of their column.
        answer: what was measured -> the parts of the claim, with their verdicts.
        draw: puts what was measured into an empty figure.
        seeds: runs of each recipe.
        quick_model: fields of the architecture that make it small, for --quick.
        decided_by: what would decide what is undecided.
    """

    name: str
    number: int
    question: str
    source: str
    setting: str
    runs: Mapping[str, Recipe]
    measures: Mapping[str, Measure]
    answer: Callable[[Table], Sequence[Part]]
    draw: Callable[[Table, Figure], None]
    seeds: int = 3
    quick_model: Mapping[str, Any] = field(default_factory=dict)
    decided_by: str = "more seeds, and a longer training on all images"

    @property
    def command(self) -> str:
        return f"python -m experiments.{self.name}"


@dataclass(frozen=True)
class Asked:
    """That a figure of `run` is above (or below) that of `base`, by `smallest` to be of note."""

    says: str
    run: str
    base: str
    smallest: float
    above: bool = True


def compared(
    table: Table, name: str, what: str, asked: Sequence[Asked], digits: int = 4
) -> list[Part]:
    """A part for each, their p-values corrected for all of them together.

    `what` is what the measure `name` is called in the answer.
    """
    found = table.differences(name, [(each.run, each.base) for each in asked])
    parts = []
    for each in asked:
        comparison = found[each.run, each.base]
        told = shown_difference(comparison, digits)
        verdict = judged(comparison, above=each.above, smallest=each.smallest)
        parts.append(Part(each.says, f"{what}, {each.run} less {each.base}: {told}", verdict))
    return parts


def overall(parts: Sequence[Part]) -> str:
    """One word where all parts agree, else how many of them are borne out."""
    verdicts = [part.verdict for part in parts]
    if len(set(verdicts)) == 1:
        return verdicts[0]
    counts = {verdict: verdicts.count(verdict) for verdict in ("supported", "not supported")}
    told = [f"{count} of {len(parts)} {verdict}" for verdict, count in counts.items() if count]
    return f"in part: {', '.join(told)}"


def judged(comparison: Comparison, *, above: bool, smallest: float) -> Verdict:
    """Whether a difference is above 0 (or, `above` being no, below 0), as a claim has it.

    Supported: it is, at a corrected p below 0.05. Not supported: it is of the other sign at such a
    p, or its 95% interval lies below `smallest`, the least difference that would matter to anyone.
    Undecided otherwise.
    """
    difference = comparison.difference
    sign = 1 if above else -1
    mean, reach = sign * difference.mean, difference.interval95
    if comparison.p_value is not None and comparison.p_value < SIGNIFICANT:
        return "supported" if mean > 0 else "not supported"
    return "not supported" if mean + reach < smallest else "undecided"


def shown(figure: Estimate, digits: int = 4, sign: str = "") -> str:
    """Mean ± half the 95% interval; of a single seed the mean alone."""
    mean = f"{figure.mean:{sign}.{digits}f}".replace("-", "−")
    return f"{mean} ± {figure.interval95:.{digits}f}" if len(figure.values) > 1 else mean


def shown_difference(comparison: Comparison, digits: int = 4) -> str:
    """`+0.0123 ± 0.0045, p 0.0123`."""
    p = comparison.p_value
    told = "–" if p is None else f"{p:.4f}" if p >= SMALLEST_P else f"<{SMALLEST_P:.4f}"
    return f"{shown(comparison.difference, digits, '+')}, p {told}"
