"""A sweep's runs, compared: shown, and written as a table, a picture and a row per run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from jaxcnn.files import own_files
from jaxcnn.report.page import rendered
from jaxcnn.report.pictures import png_uri
from jaxcnn.sweep.figure import png_of
from jaxcnn.sweep.folder import SweepFolder
from jaxcnn.sweep.grid import Choice
from jaxcnn.sweep.results import csv_of
from jaxcnn.sweeps.statistics import num_folds
from jaxcnn.sweeps.tables import Rows, figures, notes, sizes
from jaxcnn.text.lines import cell, say_on
from jaxcnn.text.phrases import first_few
from jaxcnn.text.sheet import markdown_page


@dataclass(frozen=True)
class Outcome:
    """All by the recipes' names.

    Attributes:
        runs: the summaries of every seed.
        choices: what the grid chose.
        gmacs: of the network.
        metric: the figure that they are compared by.
        baseline: the name of the recipe that the others are compared with.
        together: a recipe's runs went side by side.
        about: what else to know of the runs, a line each.
    """

    runs: Mapping[str, Sequence[Mapping[str, Any]]]
    choices: Mapping[str, Choice]
    gmacs: Mapping[str, float]
    metric: str
    baseline: str
    together: bool = False
    about: Sequence[str] = ()

    @property
    def title(self) -> str:
        every = [run for runs in self.runs.values() for run in runs]
        archs, datasets = (list(dict.fromkeys(r[of] for r in every)) for of in ("arch", "dataset"))
        of_one = self.runs[self.baseline]
        seeds, folds = len({run["seed"] for run in of_one}), num_folds(of_one[0])
        divided = "" if folds is None else f"{folds} folds, "
        title = f"{first_few(archs)} on {first_few(datasets)}, {divided}{seeds} seed"
        return f"{title}{'s' if seeds > 1 else ''}"

    def write(self, folder: SweepFolder, command: str) -> None:
        page = markdown_page(self.title, command, self._tables(), self._notes())
        png = png_of(self.runs, self.title, self.metric, self.baseline)
        own_files.write(folder.csv, csv_of(self.runs, self.choices, self.gmacs))
        own_files.write(folder.md, page)
        own_files.write(folder.png, png)
        own_files.write(folder.html, self._page(command, png))

    def _page(self, command: str, png: bytes) -> str:
        compared, sized = self._tables()
        return rendered(
            "tables.html",
            title=self.title,
            subtitle="A sweep: recipes over seeds",
            command=command,
            tables=[
                {"title": f"By {self.metric}", "rows": compared, "notes": self._notes()},
                {"title": "Size and time", "rows": sized, "notes": []},
            ],
            picture=png_uri(png),
            charts=[],
            galleries=[],
        )

    def show(self, console: Console) -> None:
        say_on(console, self.title)
        for header, *rows in self._tables():
            table = Table()
            for name in header:
                # In a narrow terminal names are folded, not figures.
                table.add_column(cell(name), no_wrap=name != "recipe", overflow="fold")
            for row in rows:
                # A recipe's two rows belong together.
                table.add_row(*map(cell, row), end_section=not row[0])
            console.print(table)
        for line in self._notes():
            say_on(console, line)

    def _tables(self) -> tuple[Rows, ...]:
        return figures(self.runs, self.metric, self.baseline), sizes(self.runs, self.gmacs)

    def _notes(self) -> list[str]:
        lines = [*notes(self.runs, self.metric, self.baseline), *self.about]
        if self.together:
            lines.append("Seconds are those of runs side by side, which share the machine.")
        return lines
