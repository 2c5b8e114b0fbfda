"""A run's folder: what it was asked to do, what it measured, what came out."""

import json
import os
import re
import shlex
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from jaxcnn.data import list_datasets
from jaxcnn.engine.step import NORMS
from jaxcnn.errors import UserError
from jaxcnn.files import own_files, strict_json
from jaxcnn.files.paths import expanded
from jaxcnn.files.typed_json import typed
from jaxcnn.models import list_models
from jaxcnn.recipe import (
    Recipe,
    differences,
    from_json,
    other_loss,
    other_optimizer,
    other_sizes,
    to_json,
)
from jaxcnn.run import known_again, run_data, same_data
from jaxcnn.run.run_data import RunData, changed_plugins

T = TypeVar("T")

# `data.names.gz` of fourteen million pictures, ImageNet-21k, has about 100 MB.
MOST_NAMES_BYTES = 10**9
# What is read of a summary, and of an epoch's line.
FIGURES = Mapping[str, float | None]
SUMMARY = {
    "arch": str,
    "dataset": str,
    "seed": int,
    "params": int,
    "steps": int,
    "seconds": float,
    "val": FIGURES,
}
# Of a run that ended with its test.
TEST = {"test": FIGURES}
LEFT_OUT = {"left_out": Mapping[str, tuple[str, ...]]}
EPOCH = {"epoch": int, "step": int}
TEST_USE = {"when": str, "by": str}
STEP = {
    "step": int,
    "loss": float | None,
    "lr": float,
    **dict.fromkeys(NORMS, float | None),
}


class RunFolder:
    """`recipe.json`, `data.json`, `metrics.jsonl`, `steps.jsonl`, `summary.json`,
    `test_uses.jsonl`, and folders.

    Of several processes that run together one `writes`; the others' writing does nothing. Raises
    UserError where the path is that of a file.
    """

    def __init__(self, path: str | Path, *, writes: bool = True) -> None:
        self.path = Path(expanded(path))
        if os.path.isfile(self.path):
            raise UserError(f"--workdir={self.path} is a file; give a folder")
        self.writes = writes
        self.checkpoints = self.path / "checkpoints"
        self.tensorboard = self.path / "tensorboard"
        self.report = self.path / "report"
        self.autotuning = self.path / "autotuning"
        self.profile = self.path / "profile"
        self._recipe = self.path / "recipe.json"
        self._metrics = self.path / "metrics.jsonl"
        self._steps = self.path / "steps.jsonl"
        self._summary = self.path / "summary.json"
        self._test_uses = self.path / "test_uses.jsonl"
        self._soup = self.path / "soup.json"
        self._data = self.path / "data.json"
        self._names = self.path / "data.names.gz"

    def refuse_foreign(self) -> None:
        """Raises UserError if a file or folder that a run writes here is a link or no file."""
        own = (
            self._recipe, self._metrics, self._steps, self._summary, self._data, self._names,
            self._test_uses, self._soup,
        )  # fmt: skip
        partial = (path.with_name(path.name + ".partial") for path in own)
        others = (self.path / name for name in ("lock", "xla.log", "wandb-id"))
        damaged = self.path / "damaged"
        own_files.refuse_foreign(
            (*own, *partial, *others),
            (
                self.checkpoints,
                self.tensorboard,
                self.report,
                self.autotuning,
                self.profile,
                damaged,
            ),
        )

    def refuse_other(self, recipe: Recipe) -> None:
        """Raises UserError if the folder is that of another recipe."""
        if self._recipe.exists() and (different := self._differences(self.read_recipe(), recipe)):
            way_out = "give the same flags to resume it, or another --workdir"
            if self.is_extended_by(recipe):
                way_out = "--extend goes on from its end; or give another --workdir"
            raise UserError(
                f"{self.path} holds a run of another recipe ({'; '.join(different)}); {way_out}"
            )

    def refuse_without(self, things: Collection[str]) -> None:
        """Raises UserError if a program gave the run here what is not among `things`, by name."""
        before = self.read_data()
        given = {} if before is None else before.given
        if missing := [name for name in given if name not in things]:
            what = " and ".join(f"its {name} ({given[name].path})" for name in missing)
            raise UserError(
                f"{self.path} holds a run that a program gave {what}; give that again to go on, "
                "or another workdir"
            )

    def is_extended_by(self, recipe: Recipe) -> bool:
        """Whether the run here has been finished once, and `recipe` is the same but longer.

        Of epochs and steps, which of them are more only the data tells: they count as longer.
        """
        finished = self._summary.exists() or self.extended_from() is not None
        if not (finished and self._recipe.exists()):
            return False
        before = self.read_recipe()
        if self._differences(replace(before, epochs=recipe.epochs, steps=recipe.steps), recipe):
            return False
        if before.steps is None and recipe.steps is None:
            return recipe.epochs > before.epochs
        return before.steps is None or recipe.steps is None or recipe.steps > before.steps

    def _differences(self, before: Recipe, recipe: Recipe) -> list[str]:
        """Of the run's recipe from another; none in what its version had no field for."""
        if self.older_optimizer() is not None:
            momentum, not_given = before.optim.momentum, recipe.optim.momentum is None
            optim = replace(
                before.optim,
                adam_lr=recipe.optim.adam_lr,
                momentum=None if momentum == 0.9 and not_given else momentum,
            )
            before = replace(before, optim=optim)
        return differences(before, recipe)

    def older_optimizer(self) -> str | None:
        """What the optimiser of the run here was, in a few words, if it was none of this version's.

        None if it is one, or there is no run.
        """
        return self._of_its_version(other_optimizer)

    def refuse_older_optimizer(self) -> None:
        """Raises UserError for a run here that cannot go on, its optimiser's state being none of
        this version's."""
        if (was := self.older_optimizer()) is not None:
            raise UserError(
                f"{self.path} holds a run of an older version, {was}: its optimiser's state is "
                "none of this version's, so that it cannot go on; begin again in another --workdir"
            )

    def refuse_other_data(self, data: RunData, names: bytes) -> None:
        """Raises UserError if the run here learned from other data, or was given another model,
        task or augmentation by its program; see `jaxcnn.run.run_data`."""
        before = self.read_data()
        if before is None:
            return
        if different := known_again.differences(before.given, data.given):
            raise UserError(
                f"{self.path} holds a run that a program gave other things ({'; '.join(different)})"
                "; give those to go on, or another workdir"
            )
        if different := same_data.differences(before, self.read_names(), data, names):
            raise UserError(
                f"{self.path} holds a run of other data ({'; '.join(different)}); "
                "give that data to go on, or another --workdir"
            )

    def claim(self, recipe: Recipe, data: RunData, names: bytes) -> None:
        """Makes this the folder of `recipe` on `data`. Raises UserError if it cannot be written."""
        if not self.writes:
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if names:
                own_files.write(self._names, names)
            self._write_data(data)
            # Last, for without it this is no run's folder.
            own_files.write(self._recipe, _json_page(to_json(recipe)))
        except OSError as error:
            raise UserError(f"--workdir={self.path} cannot be written: {error.strerror}") from error

    def read_recipe(self) -> Recipe:
        """The recipe that this folder is of. Raises UserError if it is no run's folder."""
        recipe = self._read(self._recipe, from_json)
        self._refuse_missing_plugin(recipe)
        if not self._data.exists() and (recipe.pretrained or recipe.eval_crop == 0.875):
            # A version before data.json: that was its default, and weights had a crop of their own.
            return replace(recipe, eval_crop=None)
        return recipe

    def _refuse_missing_plugin(self, recipe: Recipe) -> None:
        """Raises UserError where the run's model or data set is a plug-in's that is not loaded.

        It is the user who names code that is to be run, not a folder that a stranger may have made.
        """
        known = {"arch": list_models(), "dataset": list_datasets()}
        missing = [name for name, names in known.items() if getattr(recipe, name) not in names]
        if not missing or (data := self.read_data()) is None:
            return
        for name in missing:
            if (place := data.plugins.get(name)) is None:
                continue
            flag = f"--plugin={shlex.quote(place.source)}"
            way_out = f"give {flag}, or where it is now, if you trust it"
            if place.source == "__main__":
                way_out = "a program or notebook registered it: do that first"
            raise UserError(
                f"{self.path} is a run of {getattr(recipe, name)!r}, which a plug-in brings; "
                f"{way_out}"
            )

    def read_data(self) -> RunData | None:
        """What the run keeps of its data; None for a run of a version that kept nothing."""
        return self._read(self._data, run_data.from_json) if self._data.exists() else None

    def read_names(self) -> bytes:
        """The content of `data.names.gz`; empty if the examples have no names."""
        return own_files.read(self._names, MOST_NAMES_BYTES) if self._names.exists() else b""

    def keep_unreadable(self, reason: str) -> None:
        """That the run ended since an example cannot be read: its file may be replaced by one of
        another size."""
        if self.writes and (data := self.read_data()) is not None:
            self._write_data(replace(data, unreadable=reason))

    def extended_from(self) -> int | None:
        """The step at which the run was finished before it was extended; None if it never was."""
        names = (re.fullmatch(r"summary-(\d+)\.json", path.name) for path in self.path.glob("*"))
        return max((int(name[1]) for name in names if name), default=None)

    def reopen(self, steps_per_epoch: int) -> None:
        """Makes a finished run one to go on with: its summary becomes `summary-STEPS.json`.

        An epoch that its end cut short is going to end later, and its line is dropped.
        """
        if self.writes and (summary := self.read_summary()) is not None:
            steps = summary["steps"]
            if steps % steps_per_epoch:
                self.drop_metrics_after(steps - 1)
            os.replace(self._summary, self.path / f"summary-{steps}.json")

    def read_summary(self) -> dict[str, Any] | None:
        """The finished run's summary; None while there is none."""
        if not self._summary.exists():
            return None
        summary = _read_json(self._summary)
        _refuse_untyped(summary, SUMMARY, self._summary)
        if "test" in summary:
            _refuse_untyped(summary, TEST, self._summary)
        splits = measured_splits(summary)
        shown = dict.fromkeys(summary[splits[-1]], float | None) | {"n": int}
        for split in splits:
            _refuse_untyped(summary[split], shown, self._summary)
        if "left_out" in summary:
            _refuse_untyped(summary, LEFT_OUT, self._summary)
        return summary

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        if self.writes:
            own_files.write(self._summary, _json_page(summary))

    def read_metrics(self) -> list[dict[str, Any]]:
        """A dictionary per epoch, oldest first, without a last line that a kill cut short.

        Raises UserError if another line is none that `append_metrics` wrote.
        """
        return _read_lines(self._metrics, EPOCH)

    def read_steps(self) -> list[dict[str, Any]]:
        """The same of `append_step`'s lines, in the order of their steps."""
        return _read_lines(self._steps, STEP)

    def append_metrics(self, line: Mapping[str, Any]) -> None:
        if self.writes:
            # A power cut must not take the line of an epoch whose checkpoint it leaves.
            _append(self._metrics, line, to_disk=True)

    def append_step(self, line: Mapping[str, Any]) -> None:
        if self.writes:
            _append(self._steps, line, to_disk=False)

    def write_soup(self, kept: Mapping[str, Any]) -> None:
        """Of what runs the weights here are an average; see `jaxcnn.soup`."""
        if self.writes:
            own_files.write(self._soup, _json_page(kept))

    def refuse_average(self) -> None:
        """Raises UserError where the weights here are an average of runs', and no run's."""
        if self._soup.exists():
            raise UserError(
                f"{self.path} holds an average of runs, which is not gone on with; train from it: "
                f"--pretrained={shlex.quote(str(self.path))} in another --workdir"
            )

    def read_test_uses(self) -> list[dict[str, str]]:
        """`{"when", "by"}` of each time that the test split was measured, oldest first."""
        return _read_lines(self._test_uses, TEST_USE)

    def append_test_use(self, use: Mapping[str, str]) -> None:
        if self.writes:
            _append(self._test_uses, use, to_disk=True)

    def drop_metrics_after(self, step: int) -> None:
        """Forgets epochs that ended after `step`, which a resumed run is going to repeat.

        A last line that a kill cut short is such an epoch's too.
        """
        if self.writes and self._metrics.exists():
            _write_until(step, self._metrics, self.read_metrics())

    def drop_steps_after(self, step: int) -> None:
        """The same of `append_step`'s lines."""
        if self.writes and self._steps.exists():
            _write_until(step, self._steps, self.read_steps())

    def as_begun(self, data: RunData) -> RunData:
        """`data` with what tells the checkpoints here from another run's, if the run has begun;
        and if it goes on from a checkpoint with the weights it started from, and with what is
        computed otherwise from there on."""
        before, steps = self.read_data(), self._saved_steps()
        if steps:
            others = (self._of_its_version(ask) for ask in (other_loss, other_sizes))
            changes = list(filter(None, others))
            if before is not None:
                changes += changed_plugins(self.read_recipe(), before.plugins)
                changes += known_again.changed(before.given, data.given)
            changed = tuple(f"from step {max(steps)} on {each}" for each in changes)
            data = replace(data, changed=changed)
        if before is None:
            return data
        if steps:
            data = replace(data, weights=before.weights, changed=before.changed + data.changed)
        return replace(data, run=before.run or data.run)

    def has_checkpoints(self) -> bool:
        return bool(self._saved_steps())

    def _saved_steps(self) -> list[int]:
        return [int(path.name) for path in self.checkpoints.glob("*") if path.name.isdecimal()]

    def _of_its_version(self, ask: Callable[[Mapping[str, Any], Recipe], str | None]) -> str | None:
        """What `ask` says of the recipe here, as its version wrote it and as it is in this one."""
        return ask(_read_json(self._recipe), self.read_recipe()) if self._recipe.exists() else None

    def _read(self, path: Path, from_json: Callable[[Any], T]) -> T:
        values = _read_json(path)
        try:
            return from_json(values)
        except UserError as error:
            raise UserError(f"{path} is {error}") from error

    def _write_data(self, data: RunData) -> None:
        own_files.write(self._data, _json_page(run_data.to_json(data)))


def measured_splits(summary: Mapping[str, Any]) -> list[str]:
    """Those that a run's summary has figures of: "val", and "test" if it ended with its test."""
    return [split for split in ("val", "test") if split in summary]


def _append(path: Path, line: Mapping[str, Any], *, to_disk: bool) -> None:
    with open(path, "a", opener=own_files.opener) as file:
        file.write(_json_line(line))
        if to_disk:
            file.flush()
            os.fsync(file.fileno())


def _read_lines(path: Path, needed: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    *whole, _ = own_files.read(path).decode(errors="replace").split("\n")
    lines = []
    for number, text in enumerate(whole, start=1):
        try:
            line = json.loads(text)
            _refuse_untyped(line, {**needed, **_figures_of(line)}, path)
            lines.append(line)
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"{path} is damaged in line {number}; mend or delete that line"
            ) from error
    return lines


def _write_until(step: int, path: Path, lines: list[dict[str, Any]]) -> None:
    own_files.write(path, "".join(_json_line(line) for line in lines if line["step"] <= step))


def _json_page(values: Mapping[str, Any]) -> str:
    return strict_json.dumps(values, indent=2) + "\n"


def _json_line(values: Mapping[str, Any]) -> str:
    return strict_json.dumps(values) + "\n"


def _read_json(path: Path) -> Any:
    try:
        content = own_files.read(path)
    except FileNotFoundError as error:
        raise UserError(f"{path.parent} is not a run's folder: it has no {path.name}") from error
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: {error}") from error


def _figures_of(line: Any) -> dict[str, Any]:
    """The types of an epoch's figures."""
    names = line if isinstance(line, dict) else ()
    return {name: float | None for name in names if name.startswith(("train_", "val_"))}


def _refuse_untyped(values: Any, needed: Mapping[str, Any], path: Path) -> None:
    """Raises UserError unless `values` is an object whose fields `needed` are of these types."""
    if not isinstance(values, dict):
        raise UserError(f"{path} is damaged: it is no object")
    for name, kind in needed.items():
        if name not in values:
            raise UserError(f"{path} is damaged: it has no field {name}")
        try:
            typed(kind, values[name], name)
            if kind is int and values[name] < 0:
                raise UserError(f"{name} is {values[name]}, not 0 or more")
        except UserError as error:
            raise UserError(f"{path} is damaged: {error}") from error
