"""Curves as SVG in the page's own colours, so that light, dark and print each have theirs."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from jaxcnn.text.figure_text import drawn, plain_text

# Okabe and Ito's, which the colour-blind tell apart: https://jfly.uni-koeln.de/color/.
INK, BLUE, ORANGE, GREEN = "#1b1f24", "#0072b2", "#d55e00", "#009e73"
# What a page has in their place, see templates/page.html.
VARIABLES = {INK: "currentColor", BLUE: "var(--blue)", ORANGE: "var(--orange)",
             GREEN: "var(--green)"}  # fmt: skip
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "jaxcnn",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
}
SPLITS = {
    "train_sample": ("training images, as validation has them", BLUE, "-"),
    "train": ("training batches, augmented, while they were learned", BLUE, ":"),
    "val": ("validation", ORANGE, "-"),
}
TITLES = {"loss": "loss", "top1": "top-1", "mAP": "mAP", "OF1": "OF1"}
# Epochs whose points are marked.
MOST_MARKED = 60
AXES = {"loss": "mean loss of an image", "top1": "fraction of the images"}


def learning_curve(lines: Sequence[Mapping[str, Any]], figure: str) -> Figure | None:
    """A figure by epoch, of each split where it is known; None where it is nowhere."""
    if not any(f"{split}_{figure}" in line for split in SPLITS for line in lines):
        return None
    chart, axes = _chart()
    draw_learning(axes, lines, figure)
    _legend_below(chart, axes)
    return chart


def draw_learning(axes: Any, lines: Sequence[Mapping[str, Any]], figure: str) -> None:
    """The curves of a figure, without their legend."""
    epochs = [line["epoch"] for line in lines]
    for split, (label, colour, style) in SPLITS.items():
        if any(f"{split}_{figure}" in line for line in lines):
            values = [_number(line.get(f"{split}_{figure}")) for line in lines]
            marker = "." if len(lines) < MOST_MARKED else None
            axes.plot(epochs, values, style, color=colour, marker=marker, label=label)
    title = TITLES.get(figure, figure)
    axes.set(title=title, xlabel="epoch", ylabel=AXES.get(figure, "score, at most 1"))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def by_step(
    steps: Sequence[Mapping[str, Any]], figure: str, title: str, unit: str, *, log: bool = False
) -> Figure | None:
    """A figure of `steps.jsonl` by step; None where no step has it."""
    values = [_number(step.get(figure)) for step in steps]
    if not steps or np.isnan(values).all():
        return None
    chart, axes = _chart(height=2.3)
    axes.plot([step["step"] for step in steps], values, color=BLUE, linewidth=1)
    axes.set(title=title, xlabel="step", ylabel=unit)
    # Over less than a power of ten it would have no number but one.
    if log and 0 < 10 * np.nanmin(values) <= np.nanmax(values):
        axes.set_yscale("log")
        plain_numbers(axes.yaxis)
    return chart


def plain_numbers(axis: Any) -> None:
    """Of a logarithmic axis, whose numbers Matplotlib writes as mathematics."""
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def speed(lines: Sequence[Mapping[str, Any]]) -> Figure | None:
    """Images a second by epoch; None where it is not known."""
    values = [_number(line.get("images_per_second")) for line in lines]
    if not lines or np.isnan(values).all():
        return None
    chart, axes = _chart(height=2.3)
    axes.plot([line["epoch"] for line in lines], values, color=BLUE, marker=".")
    axes.set(title="speed of training", xlabel="epoch", ylabel="images/s", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return chart


def reliability(bins: Sequence[Mapping[str, Any]]) -> Figure:
    """How often what is said with a confidence is right; on the diagonal is what it says."""
    chart, axes = _chart()
    filled = [each for each in bins if each["count"]]
    middles = [(each["low"] + each["high"]) / 2 for each in filled]
    widths = [(each["high"] - each["low"]) * 0.94 for each in filled]
    axes.bar(middles, [each["accuracy"] for each in filled], widths, color=BLUE, alpha=0.6,
             label="of the images right")  # fmt: skip
    total = sum(each["count"] for each in filled) or 1
    shares = [each["count"] / total for each in filled]
    axes.step(middles, shares, where="mid", color=GREEN, label="share of all images")
    axes.plot([0, 1], [0, 1], ":", color=INK, label="as sure as it is right")
    axes.set(title="reliability", xlabel="confidence", ylabel="fraction", xlim=(0, 1), ylim=(0, 1))
    _legend_below(chart, axes)
    return chart


def precision_recall(curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Precision by recall of a few classes, by name: (recalls, precisions)."""
    chart, axes = _chart()
    looks = [(BLUE, "-"), (ORANGE, "-"), (GREEN, "-"), (BLUE, ":"), (ORANGE, ":"), (GREEN, ":")]
    for (name, (recalls, precisions)), (colour, style) in zip(curves.items(), looks, strict=False):
        axes.plot(recalls, precisions, style, color=colour, label=drawn(name, 28))
    axes.set(title="precision and recall", xlabel="recall", ylabel="precision", xlim=(0, 1),
             ylim=(0, 1.02))  # fmt: skip
    _legend_below(chart, axes)
    return chart


def svg_of(figure: Figure) -> str:
    """For within a page: its text is text, its colours are the page's. Called within `styled`."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None}, transparent=True)
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    # Names of groups, which stand in each figure of a page.
    svg = re.sub(r' id="(?:figure|patch|axes|matplotlib\.axis|xtick|ytick|line2d|text|legend|'
                 r'LineCollection|QuadMesh)_\d+"', "", svg)  # fmt: skip
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, variable)
    return svg


@contextmanager
def styled() -> Iterator[None]:
    """Within it figures are made and saved with the look of the reports."""
    with plain_text(), matplotlib.rc_context(STYLE):
        yield


def _chart(height: float = 3.2) -> tuple[Figure, Any]:
    figure = Figure(figsize=(5, height), layout="constrained")
    return figure, figure.subplots()


def _legend_below(figure: Figure, axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", fontsize=8)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
