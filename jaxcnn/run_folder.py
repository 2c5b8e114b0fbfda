"""A run's folder: what it was asked to do, what it measured, what came out."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxcnn import strict_json
from jaxcnn.errors import UserError
from jaxcnn.paths import expanded
from jaxcnn.recipe import Recipe, differences, from_json, to_json


class RunFolder:
    """`recipe.json`, `metrics.jsonl`, `summary.json`, and folders for the rest.

    Of several processes that run together one `writes`; the others' writing does nothing.
    """

    def __init__(self, path: str | Path, *, writes: bool = True) -> None:
        self.path = Path(expanded(path))
        self.writes = writes
        self.checkpoints = self.path / "checkpoints"
        self.tensorboard = self.path / "tensorboard"
        self.report = self.path / "report"
        self.autotuning = self.path / "autotuning"
        self._recipe = self.path / "recipe.json"
        self._metrics = self.path / "metrics.jsonl"
        self._summary = self.path / "summary.json"

    def refuse_other(self, recipe: Recipe) -> None:
        """Raises UserError if the folder is that of another recipe."""
        if self._recipe.exists() and (different := differences(self.read_recipe(), recipe)):
            raise UserError(
                f"{self.path} holds a run of another recipe ({'; '.join(different)}); "
                "give the same flags to resume it, or another --workdir"
            )

    def claim(self, recipe: Recipe) -> None:
        """Makes this the folder of `recipe`. Raises UserError if it cannot be written."""
        if not self.writes:
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            _write(self._recipe, json.dumps(to_json(recipe), indent=2) + "\n")
        except OSError as error:
            raise UserError(f"--workdir={self.path} cannot be written: {error.strerror}") from error

    def read_recipe(self) -> Recipe:
        """The recipe that this folder is of. Raises UserError if it is no run's folder."""
        return from_json(_read_json(self._recipe))

    def read_summary(self) -> dict[str, Any] | None:
        """The finished run's summary; None while there is none."""
        return _read_json(self._summary) if self._summary.exists() else None

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        if self.writes:
            _write(self._summary, strict_json.dumps(summary, indent=2) + "\n")

    def read_metrics(self) -> list[dict[str, Any]]:
        """A dictionary per epoch, oldest first, without a last line that a kill cut short.

        Raises UserError if another line is none that `append_metrics` wrote.
        """
        if not self._metrics.exists():
            return []
        *whole, _ = self._metrics.read_text(errors="replace").split("\n")
        lines = []
        for number, text in enumerate(whole, start=1):
            try:
                lines.append({**json.loads(text)})
            except (ValueError, TypeError) as error:
                raise UserError(
                    f"{self._metrics} is damaged in line {number}; mend or delete that line"
                ) from error
        return lines

    def append_metrics(self, line: Mapping[str, Any]) -> None:
        if not self.writes:
            return
        with self._metrics.open("a") as file:
            file.write(_json_line(line))
            file.flush()
            # A power cut must not take the line of an epoch whose checkpoint it leaves.
            os.fsync(file.fileno())

    def drop_metrics_after(self, step: int) -> None:
        """Forgets epochs that ended after `step`, which a resumed run is going to repeat.

        A last line that a kill cut short is such an epoch's too.
        """
        if self.writes and self._metrics.exists():
            kept = [_json_line(line) for line in self.read_metrics() if line["step"] <= step]
            _write(self._metrics, "".join(kept))


def _json_line(values: Mapping[str, Any]) -> str:
    return strict_json.dumps(values) + "\n"


def _write(path: Path, text: str) -> None:
    """Writes all or nothing: a kill or a power cut leaves the old file or the new one."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError as error:
        raise UserError(f"{path.parent} is not a run's folder: it has no {path.name}") from error
    except ValueError as error:
        raise UserError(f"{path} is damaged: {error}") from error
