"""A sweep as a table."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from jaxcnn.run.folder import measured_splits
from jaxcnn.sweeps.statistics import Comparison, Estimate, compared, estimate, num_folds
from jaxcnn.text.lines import cell

# What cannot be said, as of a single seed's spread.
UNKNOWN = "–"
SPLITS = ("val", "test")
SMALLEST_P = 0.0001
Summaries = Mapping[str, Sequence[Mapping[str, Any]]]
Rows = Sequence[tuple[str, ...]]


def shared_splits(summaries: Summaries) -> list[str]:
    """Those that every run was measured on."""
    every = [measured_splits(run) for runs in summaries.values() for run in runs]
    return [split for split in SPLITS if all(split in splits for splits in every)]


def table(summaries: Summaries, split: str = "test", metric: str = "top1") -> Table:
    """A row per recipe: the figure's mean, 95% interval, standard deviation and seeds."""
    rows = Table("recipe", f"{split} {metric}", "± 95%", "std", "seeds", "parameters")
    for name, runs in summaries.items():
        figure = estimate(runs, split, metric)
        several = len(runs) > 1
        rows.add_row(
            cell(name),
            f"{figure.mean:.4f}",
            f"{figure.interval95:.4f}" if several else UNKNOWN,
            f"{figure.std:.4f}" if several else UNKNOWN,
            str(len(runs)),
            f"{runs[0]['params']:,}",
        )
    return rows


def figures(summaries: Summaries, metric: str, baseline: str) -> Rows:
    """A row per recipe and split that was measured, validation and test, and above them what their
    columns are.

    Of a recipe by itself there is no difference.
    """
    splits = shared_splits(summaries)
    by_split = {split: compared(summaries, baseline, split, metric) for split in splits}
    found = [("recipe", "split", f"{metric} ± 95%", "std", "difference ± 95%", "p")]
    for name, runs in summaries.items():
        for split in splits:
            figure = estimate(runs, split, metric)
            std = f"{figure.std:.4f}" if len(runs) > 1 else UNKNOWN
            difference = _difference(by_split[split].get(name))
            shown_name = name if split == splits[0] else ""
            found.append((shown_name, split, with_interval(figure), std, *difference))
    return found if len(summaries) > 1 else [row[:4] for row in found]


def sizes(summaries: Summaries, gmacs: Mapping[str, float]) -> Rows:
    """A row per recipe: its runs, the network's size, and the mean time of a run."""
    in_folds = any(num_folds(run) for runs in summaries.values() for run in runs)
    runs_are = "runs" if in_folds else "seeds"
    found = [("recipe", runs_are, "parameters", "GMACs", "seconds a run")]
    for name, runs in summaries.items():
        seconds = statistics.fmean(run["seconds"] for run in runs)
        size = (f"{runs[0]['params']:,}", f"{gmacs[name]:.4g}", f"{seconds:.3g}")
        found.append((name, str(len(runs)), *size))
    return found


def notes(summaries: Summaries, metric: str, baseline: str) -> list[str]:
    """What whoever reads the rows should know, a sentence each."""
    num_seeds, others = len(summaries[baseline]), len(summaries) - 1
    folds = num_folds(summaries[baseline][0])
    lines = ["val is what to choose by; test stands beside it, for what was chosen."]
    if "test" not in shared_splits(summaries):
        lines = ["val is what to choose by; the test split was not opened."]
    if num_seeds == 1:
        lines.append("One seed says nothing of the spread: no intervals, no p.")
        return lines
    if folds is None:
        lines.append("±: half the 95% interval of the mean (Student's t).")
    else:
        lines.append(
            "±: half the 95% interval of the mean (Student's t), wider than of as many runs on "
            f"images of their own: {folds} folds share most of what they train on, which Nadeau "
            "and Bengio's correction counts (2003, https://doi.org/10.1023/A:1024068626366)."
        )
    if others:
        pairs = "seed" if folds is None else "fold"
        lines.append(
            f"Difference: from {baseline}, paired by {pairs}; p: paired t-test, by Holm's "
            f"correction for {others} comparison{'s' if others > 1 else ''} a split."
        )
        comparisons = (
            compared(summaries, baseline, split, metric) for split in shared_splits(summaries)
        )
        if any(c.p_value is None for by_name in comparisons for c in by_name.values()):
            lines.append(f"{UNKNOWN} for p: the difference is the same for every seed.")
    return lines


def with_interval(figure: Estimate, sign: str = "") -> str:
    """The mean ± half its 95% interval; the mean alone of a single seed."""
    mean = f"{figure.mean:{sign}.4f}"
    return f"{mean} ± {figure.interval95:.4f}" if len(figure.values) > 1 else mean


def _difference(comparison: Comparison | None) -> tuple[str, str]:
    """Difference and p; of the baseline itself there are none."""
    if comparison is None:
        return "baseline", ""
    p = comparison.p_value
    if p is None:
        return with_interval(comparison.difference, "+"), UNKNOWN
    shown = f"{p:.4f}" if p >= SMALLEST_P else f"<{SMALLEST_P:.4f}"
    return with_interval(comparison.difference, "+"), shown
