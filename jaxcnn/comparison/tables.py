"""A comparison as rows, for whatever shows or keeps them."""

import csv
import io
from collections.abc import Sequence

from rich.table import Table

from jaxcnn.comparison.comparison import Beside, Comparison, Row
from jaxcnn.metrics.classes import ClassFigures
from jaxcnn.report.page import UNKNOWN, fraction
from jaxcnn.text.lines import cell
from jaxcnn.text.phrases import printable
from jaxcnn.text.sheet import markdown, sheet_cell

SMALLEST_P = 0.0001
Rows = Sequence[Sequence[str]]
NOTES = {
    "val": "Validation is what to choose by; the test split is for what was chosen.",
    "test": "Each run's folder notes that its test split was measured; choose nothing by it.",
}


def figures(comparison: Comparison) -> Rows:
    """A row for each, and above them what the columns are."""
    head = ["model", f"{comparison.metric} (95% interval)"]
    of_one = comparison.metric == "top1"
    head += ["balanced accuracy", "ECE"] if of_one else ["OF1"]
    head += ["loss", "parameters", "GMACs", "images/s"]
    return [head, *(_figures(row, comparison.metric) for row in comparison.rows)]


def differences(comparison: Comparison) -> Rows:
    """A row for each but the first."""
    first = comparison.rows[0].candidate.name
    of_one = comparison.metric == "top1"
    what = "images right" if of_one else "loss"
    head = [f"beside {first}", f"difference in {what} (95% interval)"]
    if of_one:
        head += ["p (McNemar, Holm)", "right alone", "wrong alone"]
    return [head, *(_difference(each) for each in comparison.beside)]


def rich_tables(comparison: Comparison) -> list[Table]:
    """For a terminal."""
    tables = []
    for rows in (figures(comparison), differences(comparison)):
        head, *body = rows
        table = Table(*head, title=f"{comparison.split} split" if not tables else None)
        for column in table.columns[1:]:
            column.no_wrap = True
        for row in body:
            table.add_row(*map(cell, row))
        tables.append(table)
    return tables


def markdown_of(comparison: Comparison, command: str) -> str:
    n = comparison.rows[0].figures.n
    lines = [
        f"# Compared on {n:,} images of the {comparison.split} split", "",
        f"    {printable(command)}", "",
    ]  # fmt: skip
    for head, *body in (figures(comparison), differences(comparison)):
        lines += [_line(head), "|" + "---|" * len(head), *map(_line, body), ""]
    return "\n".join([*lines, f"- {NOTES[comparison.split]}", ""])


def csv_of(comparison: Comparison) -> str:
    """A row for each, figures with all their digits."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    metric = comparison.metric
    rows.writerow(
        ["model", "seed", "n", metric, f"{metric}_low", f"{metric}_high", "loss", "params",
         "gmacs", "images_per_second", "difference", "difference_low", "difference_high", "p"]
    )  # fmt: skip
    beside = {each.name: each for each in comparison.beside}
    for row in comparison.rows:
        one, found = row.candidate, row.figures
        low, high = found.intervals.get(metric) or (None, None)
        other = beside.get(one.name)
        last = [None] * 4
        if other is not None:
            last = [other.difference, *(other.interval or (None, None)), other.p_value]
        rows.writerow(
            [sheet_cell(one.name), one.seed, found.n, getattr(found, metric), low, high,
             found.loss, one.params, one.gmacs, one.images_per_second, *last]
        )  # fmt: skip
    return text.getvalue()


def _figures(row: Row, metric: str) -> list[str]:
    one, found = row.candidate, row.figures
    ends = found.intervals.get(metric)
    head = fraction(getattr(found, metric))
    if ends is not None:
        head += f" ({ends[0]:.4f} to {ends[1]:.4f})"
    middle = (
        [fraction(found.balanced_accuracy), fraction(found.calibration.ece)]
        if isinstance(found, ClassFigures)
        else [fraction(found.OF1)]
    )
    return [
        one.name,
        head,
        *middle,
        fraction(found.loss),
        UNKNOWN if one.params is None else f"{one.params:,}",
        UNKNOWN if one.gmacs is None else f"{one.gmacs:.4g}",
        _rate(one.images_per_second),
    ]


def _difference(each: Beside) -> list[str]:
    shown = f"{each.difference:+.4f}"
    if each.interval is not None:
        shown += f" ({each.interval[0]:+.4f} to {each.interval[1]:+.4f})"
    if each.p_value is None:
        return [each.name, shown]
    p = f"{each.p_value:.4f}" if each.p_value >= SMALLEST_P else f"<{SMALLEST_P:.4f}"
    return [each.name, shown, p, f"{len(each.better):,}", f"{len(each.worse):,}"]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(markdown, cells))} |"


def _rate(images_per_second: float | None) -> str:
    if images_per_second is None:
        return UNKNOWN
    return f"{images_per_second:,.0f}" if images_per_second >= 100 else f"{images_per_second:.3g}"
