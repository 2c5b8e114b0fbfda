"""A model card in the form of the Hugging Face Hub: card.md.

Mitchell et al., 2019, "Model cards for model reporting", https://arxiv.org/abs/1810.03993; the
fields above the text: https://huggingface.co/docs/hub/model-cards.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from jaxcnn.metrics.classes import ClassFigures
from jaxcnn.metrics.several_labels import SetFigures
from jaxcnn.report.run_page import balance_says, confidence_says
from jaxcnn.report.shown import Shown
from jaxcnn.text.sheet import markdown

# By our figures' names the Hub's.
ON_THE_HUB = {"top1": ("accuracy", "top-1 accuracy"), "mAP": ("mean_average_precision", "mAP")}
SHOWN = ("top1", "top5", "mAP", "OF1", "balanced_accuracy", "loss")


def card(
    shown: Shown,
    figures: ClassFigures | SetFigures,
    *,
    dataset: str,
    groups: Mapping[str, Mapping[str, Any]],
) -> str:
    """The card's text. `groups` are, by grouping, what `by_group` found, as JSON has it."""
    head = "mAP" if isinstance(figures, SetFigures) else "top1"
    value = getattr(figures, head)
    kind, name = ON_THE_HUB[head]
    result = EvalResult(
        task_type="image-classification",
        dataset_type=dataset,
        dataset_name=dataset,
        dataset_split=shown.split,
        metric_type=kind,
        metric_name=name,
        metric_value=0.0 if value is None else value,
    )
    data = ModelCardData(
        library_name="jaxcnn",
        pipeline_tag="image-classification",
        tags=["image-classification", "jax", "flax"],
        model_name=shown.title,
        eval_results=[result],
        ignore_metadata_errors=True,
    )
    parts = [
        f"---\n{data.to_yaml()}\n---",
        f"# {markdown(shown.title)}",
        "## What it is",
        _bullets(shown.facts),
        *_command("Measured by", shown.command),
        "## What it is for",
        "To be written by who publishes it: whom it is for, and what it must not be used for.",
        "## How good it is",
        f"On the {figures.n:,} images of the {shown.split} split:",
        _table(
            ("figure", "value", "95 % interval"),
            [(name, f"{value:.4f}", _ends(figures.intervals.get(name)))
             for name in SHOWN if (value := getattr(figures, name, None)) is not None],
        ),
        *_of_classes(figures),
        *(part for column, found in groups.items() for part in _of_groups(column, found, head)),
        "## What to beware of",
        _bullets([("", text) for text in _warnings(shown, figures)]),
        *_command("To use it", "\n".join(shown.again)),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def _warnings(shown: Shown, figures: ClassFigures | SetFigures) -> list[str]:
    lines = [f"It knows {len(figures.per_class)} classes, and takes every picture for one of them."]
    if isinstance(figures, SetFigures):
        lines = [f"It knows {len(figures.per_class)} classes, and says of nothing else."]
    else:
        lines.append(confidence_says(figures, shown.temperature))
    train = shown.counts.get("train")
    if train is not None and (said := balance_says(train.tolist())):
        lines.append(said)
    return [*lines, "Pictures of another kind than those it was measured on were not measured."]


def _of_classes(figures: ClassFigures | SetFigures) -> list[str]:
    worst = sorted(
        (row for row in figures.per_class if row.support), key=lambda row: (row.f1, row.name)
    )[:5]
    rows = [
        (markdown(row.name), f"{row.precision:.3f}", f"{row.recall:.3f}", f"{row.f1:.3f}",
         f"{row.support:,}")
        for row in worst
    ]  # fmt: skip
    head = ("class", "precision", "recall", "F1", "images")
    return ["The classes that it knows least, by F1:", _table(head, rows)]


def _of_groups(column: str, found: Mapping[str, Any], head: str) -> list[str]:
    rows = [
        (markdown(name), f"{of_group['n']:,}", _value(of_group[head]),
         _ends(of_group["intervals"].get(head)))
        for name, of_group in found["groups"].items()
    ]  # fmt: skip
    return [f"By {markdown(column)}:", _table(("group", "images", head, "95 % interval"), rows)]


def _bullets(rows: Sequence[tuple[str, str]]) -> str:
    named = (f"**{markdown(name)}**: {markdown(text)}" if name else text for name, text in rows)
    return "\n".join(f"- {line}" for line in named)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _command(title: str, command: str) -> list[str]:
    return [f"{title}:", f"```\n{command.replace('`', '')}\n```"] if command else []


def _value(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _ends(interval: Sequence[float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}"
