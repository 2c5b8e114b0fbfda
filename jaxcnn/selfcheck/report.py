"""What was found, as tables to read and as JSON to send."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from jaxcnn.selfcheck.everything import Answer
from jaxcnn.text.lines import say_on


def as_json(found: Sequence[Answer]) -> dict[str, Any]:
    """`{"passed", "seconds", "checks": {NAME: {"seconds", "figures", "failures", "notes",
    "skipped"}}}`."""
    return {
        "passed": not any(answer.outcome.failures for answer in found),
        "seconds": sum(answer.seconds for answer in found),
        "checks": {
            answer.name: {"seconds": answer.seconds, **asdict(answer.outcome)} for answer in found
        },
    }


def show(console: Console, found: Sequence[Answer]) -> None:
    for answer in found:
        if answer.name == "speed":
            console.print(speed_table(answer.outcome.figures.get("rows", [])))
        else:
            console.print(figures_table(answer))
    for title in ("failures", "notes", "skipped"):
        lines = [line for answer in found for line in getattr(answer.outcome, title)]
        if lines:
            for line in (f"{title}:", *(f"  {line}" for line in lines)):
                say_on(console, line)


def figures_table(answer: Answer) -> Table:
    table = Table(title=answer.name, show_header=False, title_justify="left")
    for name, value in answer.outcome.figures.items():
        table.add_row(name, text_of(value))
    return table


def speed_table(rows: Sequence[dict[str, Any]]) -> Table:
    headings = ("model", "batch", "side", "images/s", "range", "MFU", "compilation", "memory")
    table = Table(*headings, title="speed: training steps", title_justify="left")
    for row in sorted(rows, key=lambda row: (row["arch"], row["batch_size"])):
        table.add_row(
            row["arch"],
            f"{row['batch_size']} {row['precision']}",
            row["side"],
            f"{row['images_per_second']:,.4g}",
            f"{row['lowest']:,.4g} to {row['highest']:,.4g}",
            "" if row["mfu"] is None else f"{row['mfu']:.0%}",
            f"{row['compile_seconds']:.0f} s",
            f"{row['peak_bytes'] / 1e9:.1f} GB",
        )
    return table


def text_of(value: Any) -> str:
    match value:
        case dict():
            return ", ".join(f"{name} {text_of(inner)}" for name, inner in value.items())
        case list():
            return "; ".join(map(text_of, value))
        case float():
            return f"{value:,.3g}"
        case _:
            return str(value)
