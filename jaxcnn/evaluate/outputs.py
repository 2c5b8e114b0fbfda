"""What --output is filled with: figures, predictions, a report and a model card."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxcnn.errors import UserError
from jaxcnn.evaluate.measure import Found
from jaxcnn.evaluate.predictions_file import names_of, write_predictions
from jaxcnn.evaluate.subject import Subject
from jaxcnn.files import own_files, strict_json
from jaxcnn.files.cpu_info import cpu_model
from jaxcnn.files.paths import expanded
from jaxcnn.metrics.calibration import fit_temperature
from jaxcnn.metrics.classes import ClassFigures
from jaxcnn.metrics.several_labels import SetFigures
from jaxcnn.metrics.thresholds import tuned_thresholds
from jaxcnn.report.card import card
from jaxcnn.report.look_inside import filters_of_model, heat_of_model
from jaxcnn.report.run_facts import recipe_rows, run_facts
from jaxcnn.report.shown import Section, Shown
from jaxcnn.report.write import write_report
from jaxcnn.run.folder import RunFolder

METRICS, PREDICTIONS, CARD = "metrics.json", "predictions.csv", "card.md"


class OutputFolder:
    """`metrics.json`, `predictions.csv`, `card.md` and the report's files.

    Raises UserError where it cannot be: a file of that name, or a link where a file is to be.
    """

    def __init__(self, output: str) -> None:
        self.path = Path(expanded(output))
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"--output={output} is a file; give a folder")
        if (self.path / "recipe.json").exists():
            raise UserError(f"--output={output} is a run's folder; give one of its own")
        files = (METRICS, PREDICTIONS, CARD, "index.html", "classes.json", "curves.png",
                 "confusion.png", "classes.png")  # fmt: skip
        own_files.refuse_foreign(self.path / name for name in files)

    def write(
        self,
        printed: Mapping[str, Any],
        shown: Shown,
        figures: ClassFigures | SetFigures,
        groups: Mapping[str, Mapping[str, Any]],
        *,
        dataset: str,
    ) -> None:
        """Writes all of it. `printed` is what the command prints, without each class."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            whole = {**printed, **figures.to_json(), "groups": groups}
            own_files.write(self.path / METRICS, strict_json.dumps(whole, indent=2) + "\n")
            thresholds = None
            if isinstance(figures, SetFigures):
                thresholds = np.array(figures.thresholds)
            write_predictions(
                self.path / PREDICTIONS,
                shown.evaluation,
                names_of(shown.images),
                shown.class_names,
                thresholds,
            )
            write_report(self.path, shown, figures)
            text = card(shown, figures, dataset=dataset, groups=groups)
            own_files.write(self.path / CARD, text)
        except OSError as error:
            raise UserError(f"--output={self.path} cannot be written: {error.strerror}") from error


def shown_of(
    found: Found, *, command: str, again: Sequence[str], sections: Sequence[Section]
) -> Shown:
    """What the report of an evaluation has."""
    subject, source, folder = found.subject, found.source, found.folder
    transforms = subject.input.transforms(subject.data)
    heat = heat_of_model(
        subject.model, subject.variables, source, transforms, subject.input.preprocessing
    )
    shown = Shown(
        title=found.title,
        subtitle=f"An evaluation of the {found.split} split",
        split=found.split,
        evaluation=found.evaluation,
        images=source,
        class_names=subject.class_names,
        several=found.several,
        facts=[
            ("network", f"{subject.arch}, {subject.num_params:,} parameters"),
            ("data", subject.data.name),
            ("evaluated on", cpu_model()),
        ],
        command=command,
        filters=filters_of_model(
            subject.model, subject.variables, subject.input.image_size, subject.input.channels
        ),
        heat_of=heat and heat[0],
        heat_name=heat[1] if heat else "",
        again=again,
        sections=sections,
        notes=found.notes,
    )
    if folder is None:
        return shown
    return replace(
        shown,
        facts=[*run_facts(folder, num_params=subject.num_params), *_made_by(folder)],
        recipe=recipe_rows(folder.read_recipe()),
        lines=folder.read_metrics(),
        steps=folder.read_steps(),
    )


def _made_by(folder: RunFolder) -> list[tuple[str, str]]:
    kept = folder.read_data()
    return [] if kept is None else [("made by", kept.command)]


def tuned_on_validation(subject: Subject, shown: Shown) -> Shown:
    """With the temperature, or the thresholds, that fit a run's own validation images best.

    As it is where those are what was evaluated, or there are none.
    """
    if subject.step is None or shown.split in ("val", "train") or not subject.is_own("val"):
        return shown
    validation = subject.evaluate(subject.load("val"))
    if shown.several:
        thresholds = tuned_thresholds(validation.labels, validation.kept)
        return replace(shown, thresholds=thresholds)
    return replace(shown, temperature=fit_temperature(validation.labels, validation.kept))


def summarised(figures: ClassFigures | SetFigures) -> dict[str, Any]:
    """Those of all classes together, as they are printed."""
    values = figures.to_json()
    for each_class in ("per_class", "confusion", "worst_pairs", "thresholds"):
        values.pop(each_class, None)
    if isinstance(figures, ClassFigures):
        values["calibration"].pop("bins")
    return values
