"""What came of a sweep, as a file with a row per run."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from jaxcnn.sweep.grid import Choice
from jaxcnn.sweeps.tables import shared_splits
from jaxcnn.text.sheet import sheet_cell

LAST_COLUMNS = ("params", "gmacs", "steps", "seconds")


def csv_of(
    runs: Mapping[str, Sequence[Mapping[str, Any]]],
    choices: Mapping[str, Choice],
    gmacs: Mapping[str, float],
) -> str:
    """A row per run: recipe, seed, the grid's fields, the figures of both splits, size and time.

    Figures are as they were measured, with all their digits; one that is not finite is empty.
    """
    first = next(iter(runs.values()))[0]
    fields = list(next(iter(choices.values())))
    figures = [(split, figure) for split in shared_splits(runs) for figure in first[split]]
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    names = [f"{split}_{figure}" for split, figure in figures]
    fold = ["fold"] if "fold" in first else []
    rows.writerow(["recipe", "seed", *fold, *fields, *names, *LAST_COLUMNS])
    for name, summaries in runs.items():
        for run in summaries:
            of_grid = (choices[name][field] for field in fields)
            of_splits = (run[split].get(figure) for split, figure in figures)
            last = (run["params"], gmacs[name], run["steps"], run["seconds"])
            of_fold = (run[name] for name in fold)
            row = (name, run["seed"], *of_fold, *of_grid, *of_splits, *last)
            rows.writerow([sheet_cell(v) if isinstance(v, str) else v for v in row])
    return text.getvalue()
