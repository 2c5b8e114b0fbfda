"""An experiment's results in a folder: a row a run as CSV, tables as Markdown, a figure, and how
they came about."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from experiments.form.claim import Claim, Part, overall, shown, shown_difference
from experiments.form.drawing import png_of
from experiments.form.table import OF_EVERY_RUN, Table
from jaxcnn.text.sheet import markdown

FOLDER = Path("experiments/results")
CSV, PAGE, FIGURE, MADE = "results.csv", "results.md", "figure.png", "made.json"


@dataclass(frozen=True)
class Made:
    """How results came about.

    Attributes:
        command: that made them.
        commit: of the code; "+" after it where files were changed since.
        seconds: from the command's start to its end, of all its starts together.
        machine: processor and cores.
        versions: of Python and JAX.
    """

    command: str
    commit: str
    seconds: float
    machine: str
    versions: str


def write(folder: Path, claim: Claim, table: Table, made: Made) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CSV).write_text(table.to_csv())
    (folder / MADE).write_text(json.dumps(asdict(made), indent=2) + "\n")
    # Of what was written, so that the pages can be made again of the files alone.
    write_pages(folder, claim, Table.from_csv((folder / CSV).read_text()), made)


def write_pages(folder: Path, claim: Claim, table: Table, made: Made) -> None:
    (folder / PAGE).write_text(page_of(claim, table, made))
    (folder / FIGURE).write_bytes(png_of(claim.draw, table, claim.question))


def read(folder: Path) -> tuple[Table, Made] | None:
    """None of an experiment that was not run."""
    if not (folder / CSV).exists():
        return None
    table = Table.from_csv((folder / CSV).read_text())
    return table, Made(**json.loads((folder / MADE).read_text()))


def page_of(claim: Claim, table: Table, made: Made) -> str:
    """The answer, and the tables that it is of, in Markdown."""
    parts = claim.answer(table)
    lines = [
        f"# {markdown(claim.question)}",
        "",
        f"    {made.command}",
        "",
        f"Source: {claim.source}.",
        "",
        f"Setting: {claim.setting}. Seeds {', '.join(map(str, table.seeds))}.",
        "",
        f"Made at commit {made.commit} in {made.seconds:.0f} s, other jobs beside, on "
        f"{made.machine}; {made.versions}.",
        "",
        f"## Answer: {overall(parts)}",
        "",
        *_rows(("the claim says", "measured", "verdict"), [_cells(part) for part in parts]),
        "",
    ]
    if any(part.verdict == "undecided" for part in parts):
        lines += [f"What would decide it: {claim.decided_by}.", ""]
    lines += [f"![{markdown(claim.question)}]({FIGURE})", "", "## Measured", ""]
    lines += [*_rows(*_means(claim, table)), "", "Mean ± half the 95% interval (Student's t).", ""]
    if len(table.runs) > 1:
        lines += [f"## Difference from {table.runs[0]}", "", *_rows(*_differences(claim, table))]
        lines += ["", "Paired by seed; p: paired t-test, by Holm's correction over a column.", ""]
    return "\n".join(lines)


def _cells(part: Part) -> tuple[str, str, str]:
    return markdown(part.says), part.measured, part.verdict


def _means(claim: Claim, table: Table) -> tuple[Sequence[str], list[list[str]]]:
    header = ["run", *(measure.label for measure in claim.measures.values()), *OF_EVERY_RUN]
    rows = []
    for run in table.runs:
        cells = [
            shown(table.estimate(run, name), measure.digits)
            for name, measure in claim.measures.items()
        ]
        params, seconds = (table.estimate(run, name).mean for name in OF_EVERY_RUN)
        rows.append([markdown(run), *cells, f"{params:,.0f}", f"{seconds:.0f}"])
    return header, rows


def _differences(claim: Claim, table: Table) -> tuple[Sequence[str], list[list[str]]]:
    baseline, *others = table.runs
    pairs = [(run, baseline) for run in others]
    columns = {name: table.differences(name, pairs) for name in claim.measures}
    rows = [
        [
            markdown(run),
            *(
                shown_difference(columns[name][run, baseline], measure.digits)
                for name, measure in claim.measures.items()
            ),
        ]
        for run in others
    ]
    return ["run", *(measure.label for measure in claim.measures.values())], rows


def _rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    ruler = ["---"] * len(header)
    return [f"| {' | '.join(cells)} |" for cells in (header, ruler, *rows)]
