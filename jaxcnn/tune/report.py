"""What came of a search: tables, a row per trial, and a page."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from typing import Any

from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from jaxcnn.files import own_files
from jaxcnn.files.typed_text import text_of
from jaxcnn.report.charts import styled, svg_of
from jaxcnn.report.page import UNKNOWN, rendered
from jaxcnn.text.sheet import markdown_page, sheet_cell
from jaxcnn.tune import charts
from jaxcnn.tune.study import REASON, Tuning, shown_value

Rows = Sequence[Sequence[str]]

IMPORTANCE = (
    "Importance: each field's share of what tells the best trials from all that went to their end, "
    "by optuna's PED-ANOVA (Watanabe et al., 2023, https://arxiv.org/abs/2304.10255)."
)
# Of trials that went to their end: fewer tell nothing of a field.
FEWEST = 4


class Report:
    """Of the study as it is now."""

    def __init__(self, tuning: Tuning, command: str) -> None:
        self._tuning, self._command = tuning, command
        self.trials = tuning.study.get_trials(deepcopy=False)
        self.done = [t for t in self.trials if t.state == TrialState.COMPLETE]
        self.early = [t for t in self.trials if t.state == TrialState.PRUNED]
        self.best = tuning.best
        self._fields = list(tuning.recipes.search)

    @property
    def title(self) -> str:
        archs = dict.fromkeys(recipe.arch for recipe in self._tuning.recipes.fixed.values())
        dataset = next(iter(self._tuning.recipes.fixed.values())).dataset
        return f"{', '.join(archs)} on {dataset}, {len(self.trials)} trials"

    def write(self) -> None:
        folder = self._tuning.folder
        tables = self.tables()
        page = markdown_page(self.title, self._command, list(tables.values()), self.notes())
        html = self._page()
        with folder.alone():
            own_files.write(folder.csv, self._csv())
            own_files.write(folder.md, page)
            own_files.write(folder.html, html)

    def tables(self) -> dict[str, Rows]:
        """By their titles; what each column is stands above its rows."""
        tables: dict[str, Rows] = {"Trials, the best first": self._ranked()}
        if found := self._importance():
            rows = [(name, f"{share:.2f}") for name, share in found.items()]
            tables["What made the difference"] = [("field", "importance"), *rows]
        return tables

    def notes(self) -> list[str]:
        ended = Counter(_kind(trial) for trial in self.early)
        under_way = len(self.trials) - len(self.done) - len(self.early)
        counts = [f"{len(self.done)} went to their end"]
        counts += [f"{count} {kind}" for kind, count in ended.items()]
        counts += [f"{under_way} under way"] if under_way else []
        lines = [f"Of {len(self.trials)} trials {', '.join(counts)}."]
        lines.append(
            f"The figure is the validation {self._tuning.metric} of a run's best epoch, and the "
            "best of many flatters: the test split, which no trial opened, is for the recipe that "
            "is chosen."
        )
        if self._importance():
            lines.append(IMPORTANCE)
        elif len(self._fields) > 1:
            lines.append(f"Which field matters takes {FEWEST} trials that went to their end.")
        return lines

    def _ranked(self) -> Rows:
        head = ("trial", self._tuning.metric, "epochs", "seconds", *self._fields, "")
        ranked = sorted(self.done, key=lambda trial: -(trial.value or 0.0))
        return [head, *map(self._row, [*ranked, *self.early])]

    def _row(self, trial: FrozenTrial) -> Sequence[str]:
        values = self._tuning.values_of(trial.params)
        last = trial.user_attrs.get(REASON, "")
        if self.best is not None and trial.number == self.best.number:
            last = "the best"
        return (
            str(trial.number),
            UNKNOWN if trial.value is None or trial in self.early else f"{trial.value:.4f}",
            str(_epochs(trial)),
            _seconds(trial, UNKNOWN),
            *(shown_value(values[name]) for name in self._fields),
            last,
        )

    def _importance(self) -> dict[str, float]:
        if len(self.done) < FEWEST or len(self._fields) < 2:
            return {}
        if len({trial.value for trial in self.done}) == 1:
            return {}
        evaluator = PedAnovaImportanceEvaluator()
        return get_param_importances(self._tuning.study, evaluator=evaluator)

    def _csv(self) -> str:
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        metric = f"val_{self._tuning.metric}"
        rows.writerow(["trial", "state", metric, "epochs", "seconds", *self._fields, REASON])
        for trial in self.trials:
            values = self._tuning.values_of(trial.params) if trial.params else {}
            reached = trial.value if trial.state == TrialState.COMPLETE else None
            cells: list[Any] = [
                trial.number,
                trial.state.name.lower(),
                "" if reached is None else reached,
                _epochs(trial),
                _seconds(trial, ""),
                *(_cell(values.get(name)) for name in self._fields),
                sheet_cell(trial.user_attrs.get(REASON, "")),
            ]
            rows.writerow(cells)
        return text.getvalue()

    def _page(self) -> str:
        tuning = self._tuning
        values = [tuning.values_of(trial.params) for trial in self.done]
        with styled():
            drawn = [
                (
                    charts.history(self.done, self.early, tuning.metric),
                    "Each trial's best epoch; of those that ended early, as far as they came.",
                ),
                (
                    charts.by_epoch(self.done, self.early, self.best, tuning.metric),
                    "Each trial's epochs: dotted what ended early, thick the best.",
                ),
                (
                    charts.by_field(self.done, tuning.recipes.search, values, tuning.metric),
                    "The trials that went to their end, by each field's value.",
                ),
            ]
            svgs = [{"svg": svg_of(each), "caption": text} for each, text in drawn if each]
        tables = [
            {"title": name, "rows": rows, "notes": [] if i else self.notes()}
            for i, (name, rows) in enumerate(self.tables().items())
        ]
        return rendered(
            "tables.html",
            title=self.title,
            subtitle="A search, by validation alone",
            command=self._command,
            tables=tables,
            picture=None,
            charts=svgs,
            galleries=[],
        )


def _kind(trial: FrozenTrial) -> str:
    """In a word why it ended early."""
    reason = trial.user_attrs.get(REASON, "")
    if reason.startswith("pruned"):
        return "pruned"
    return "refused as no recipe that can be" if reason.startswith("refused") else "diverged"


def _epochs(trial: FrozenTrial) -> int:
    return max(trial.intermediate_values, default=0)


def _seconds(trial: FrozenTrial, unknown: str) -> str:
    return unknown if trial.duration is None else f"{trial.duration.total_seconds():.1f}"


def _cell(value: Any) -> Any:
    """A field's value for a spreadsheet: a number as one, whole."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return sheet_cell(text_of(value))
