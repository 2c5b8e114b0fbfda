"""What a run shows while it goes: a line per epoch, a progress bar, a closing table."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from jaxcnn.run.folder import measured_splits
from jaxcnn.task.metrics import headline
from jaxcnn.text.lines import cell, say_on
from jaxcnn.train.notebook import NotebookBar

TITLES = {"top1": "top-1", "top5": "top-5"}


class Display:
    """Writes to a rich console. The bar is for terminals and notebooks; lines reach a log too."""

    def __init__(self, console: Console, *, total_steps: int, num_epochs: int) -> None:
        self._console = console
        self._num_epochs = num_epochs
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=total_steps, figures="")
        in_notebook = console.is_jupyter and not console.quiet
        self._shown = NotebookBar(self._bar) if in_notebook else self._bar

    def say(self, text: str) -> None:
        say_on(self._console, text)

    def phase(self, text: str) -> None:
        """What is being done now, where the bar stands still."""
        self._bar.update(self._task, description=text, figures="")

    def step(self, step: int, epoch: int, figures: Mapping[str, float], rate: float | None) -> None:
        """Moves the bar to `step`. `figures` are the epoch's so far, `rate` its images/s."""
        name = headline(figures)
        text = f"loss {figures['loss']:.3f}"
        if name != "loss":
            text += f"  {_title(name)} {figures[name]:.3f}"
        if rate is not None:
            text += f"  {rate:,.0f} images/s"
        self._bar.update(
            self._task,
            completed=step,
            description=f"epoch {epoch}/{self._num_epochs}",
            figures=text,
        )

    def epoch(self, line: Mapping[str, Any], *, best: bool) -> None:
        """One line of `metrics.jsonl`, for reading."""
        rate, waiting = line["images_per_second"], line["waiting_for_data"]
        speed = "" if rate is None else f"  {rate:,.0f} images/s, {waiting:.0%} waiting for data"
        self.say(
            f"epoch {line['epoch']:>3}/{self._num_epochs}  {_split_figures(line, 'train')}"
            f"  {_split_figures(line, 'val')}{speed}{'  best' if best else ''}"
        )

    def __enter__(self) -> "Display":
        self._shown.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            # A notebook keeps the bar's last picture.
            self.phase("done")
        self._shown.stop()


def show_result(console: Console, summary: Mapping[str, Any], folder: Path) -> None:
    """Prints the validation and test figures of a finished run, and where it is.

    Of a run without a test, how to measure that once all is chosen.
    """
    title = f"{summary['arch']} on {summary['dataset']}, seed {summary['seed']}"
    splits = measured_splits(summary)
    names = [name for name in summary[splits[-1]] if name != "n"]
    table = Table("split", "images", *map(_title, names), title=cell(title))
    for split in splits:
        figures = summary[split]
        table.add_row(split, f"{figures['n']:,}", *(_figure(figures[name]) for name in names))
    console.print(table)
    for split, reasons in summary.get("left_out", {}).items():
        heading = f"left out of {split}: {len(reasons):,} examples that cannot be read"
        for line in (heading, *(f"  {reason}" for reason in reasons)):
            say_on(console, line)
    where = ", its pictures in report/"
    if "test" not in summary:
        place = shlex.quote(str(folder))
        where = f", not tested: python -m jaxcnn.evaluate --workdir={place} --split=test does that"
    say_on(
        console,
        f"finished: {summary['params']:,} parameters, {summary['steps']:,} steps, "
        f"{summary['seconds']:.0f} s; the run is in {folder}{where}",
    )


def _split_figures(line: Mapping[str, Any], split: str) -> str:
    """Loss and headline of "train" or "val" in an epoch's line."""
    figures = {k.removeprefix(f"{split}_"): v for k, v in line.items() if k.startswith(split)}
    name = headline(figures)
    more = "" if name == "loss" else f" {_title(name)} {figures[name]:.4f}"
    return f"{split} loss {figures['loss']:.4f}{more}"


def _figure(value: float | None) -> str:
    """Of a summary that was read, where what is not finite is null."""
    return "nan" if value is None else f"{value:.4f}"


def _title(name: str) -> str:
    return TITLES.get(name, name)
