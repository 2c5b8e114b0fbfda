"""What a run shows while it goes: a line per epoch, a progress bar, a closing table."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table


class Display:
    """Writes to a rich console. The bar is for terminals only; lines reach a log file too."""

    def __init__(self, console: Console, *, total_steps: int, num_epochs: int) -> None:
        self._console = console
        self._num_epochs = num_epochs
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=total_steps, figures="")

    def say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def phase(self, text: str) -> None:
        """What is being done now, where the bar stands still."""
        self._bar.update(self._task, description=text, figures="")

    def step(self, step: int, epoch: int, sums: Mapping[str, float], rate: float | None) -> None:
        """Moves the bar to `step`. `sums` are the epoch's so far, `rate` its images/s."""
        figures = f"loss {sums['loss'] / sums['n']:.3f}  top-1 {sums['top1'] / sums['n']:.3f}"
        if rate is not None:
            figures += f"  {rate:,.0f} images/s"
        self._bar.update(
            self._task,
            completed=step,
            description=f"epoch {epoch}/{self._num_epochs}",
            figures=figures,
        )

    def epoch(self, line: Mapping[str, Any], *, best: bool) -> None:
        """One line of `metrics.jsonl`, for reading."""
        rate = line["images_per_second"]
        speed = "" if rate is None else f"  {rate:,.0f} images/s"
        self.say(
            f"epoch {line['epoch']:>3}/{self._num_epochs}"
            f"  train loss {line['train_loss']:.4f} top-1 {line['train_top1']:.4f}"
            f"  val loss {line['val_loss']:.4f} top-1 {line['val_top1']:.4f}"
            f"{speed}{'  best' if best else ''}"
        )

    def __enter__(self) -> "Display":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()


def show_result(console: Console, summary: Mapping[str, Any], folder: Path) -> None:
    """Prints the validation and test figures of a finished run, and where it is."""
    title = f"{summary['arch']} on {summary['dataset']}, seed {summary['seed']}"
    table = Table("split", "images", "top-1", "top-5", "loss", title=title)
    for split in ("val", "test"):
        figures = summary[split]
        table.add_row(
            split,
            f"{figures['n']:,}",
            f"{figures['top1']:.4f}",
            f"{figures['top5']:.4f}",
            f"{figures['loss']:.4f}",
        )
    console.print(table)
    console.print(
        f"finished: {summary['params']:,} parameters, {summary['steps']:,} steps, "
        f"{summary['seconds']:.0f} s; the run is in {folder}, its pictures in report/",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
