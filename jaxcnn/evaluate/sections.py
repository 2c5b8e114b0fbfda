"""What was measured of groups and corruptions, as sections of the report."""

from collections.abc import Mapping
from typing import Any

from jaxcnn.evaluate.robustness import Robustness
from jaxcnn.evaluate.robustness_figure import png_of
from jaxcnn.report.page import UNKNOWN, fraction, interval
from jaxcnn.report.shown import Section


def of_groups(column: str, found: Mapping[str, Any], several: bool) -> Section:
    """A row for each group, the least good first; `found` is as `by_group` has it in JSON."""
    head = "mAP" if several else "top1"
    figures = [head, "OF1", "loss"] if several else [head, "balanced_accuracy", "macro_f1", "ece"]
    groups = found["groups"]
    order = sorted(groups, key=lambda name: (groups[name][head] is None, groups[name][head]))
    rows = [
        [
            name,
            f"{groups[name]['n']:,}",
            *(fraction(groups[name][figure]) for figure in figures),
            interval(groups[name]["intervals"].get(head)) or UNKNOWN,
        ]
        for name in order
    ]
    titles = [figure.replace("_", " ") for figure in figures]
    gap = found["gaps"].get(head)
    says = "Too few images to compare groups."
    if gap is not None:
        says = (
            f"{head} of {gap['largest']} is {gap['difference']:.4f} above that of {gap['smallest']}"
        )
        if gap["interval"] is not None:
            says += f", 95 % interval {interval(gap['interval'])}"
        says += "."
    return Section(f"By {column}", says, [["group", "images", *titles, f"{head}, 95 %"], *rows])


def of_corruptions(found: Robustness, title: str) -> Section:
    """The table of errors, and the picture of all."""
    table = found.rows()
    names = list(table[0])
    rows = [
        [str(row[name]) if name == "corruption" else fraction(_number(row[name])) for name in names]
        for row in table
    ]
    heads = [f"severity {name}" if name.isdecimal() else name.replace("_", " ") for name in names]
    says = "; ".join(("Errors: the share of images that is wrong", *found.notes)) + "."
    return Section("Corrupted images", says, [heads, *rows], png_of(found, title))


def _number(value: str | float | None) -> float | None:
    return None if isinstance(value, str) else value
