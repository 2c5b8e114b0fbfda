"""Robustness as a picture: errors by corruption and severity, accuracy by shift, angle, scale."""

import io
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from jaxcnn.data.corrupt.published import SEVERITIES
from jaxcnn.evaluate.robustness import CHANGES, Robustness
from jaxcnn.report.charts import BLUE, ORANGE
from jaxcnn.text.figure_text import drawn, plain_text

SEVERITY, MEAN, CLEAN = BLUE, "#000000", ORANGE
LINE_INCHES, AROUND_INCHES, LEAST_INCHES = 0.27, 1.6, 3.2


def png_of(found: Robustness, title: str) -> bytes:
    """Corruptions on the left, a line each; geometric changes on the right, one below another."""
    with plain_text():
        height = max(
            LEAST_INCHES,
            AROUND_INCHES + LINE_INCHES * len(found.corrupted),
            2.2 * len(found.changed),
        )
        columns = [bool(found.corrupted), bool(found.changed)]
        figure = Figure(figsize=(6 * max(1, sum(columns)), height), layout="constrained")
        figure.suptitle(drawn(title, 100))
        parts = iter(figure.subfigures(1, max(1, sum(columns)), squeeze=False)[0])
        if found.corrupted:
            _draw_corruptions(next(parts).subplots(), found)
        if found.changed:
            axes = next(parts).subplots(len(found.changed), squeeze=False)[:, 0]
            _draw_changes(axes, found)
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=120)
    return file.getvalue()


def _draw_corruptions(axes: Any, found: Robustness) -> None:
    lines = range(len(found.corrupted))
    for severity in SEVERITIES:
        known = [
            (1 - by_severity[severity]["top1"], line)
            for line, by_severity in enumerate(found.corrupted.values())
            if severity in by_severity
        ]
        if known:
            axes.plot(
                *zip(*known, strict=True),
                "o",
                color=SEVERITY,
                # The stronger, the darker and larger.
                alpha=0.15 + 0.17 * severity,
                markersize=2.5 + severity,
                label=f"severity {severity}",
            )
    means = [found.error(name) for name in found.corrupted]
    axes.plot(means, lines, "|", color=MEAN, markersize=12, markeredgewidth=2, label="mean")
    axes.axvline(found.clean_error, color=CLEAN, linestyle="--", zorder=0, label="clean images")
    axes.set_yticks(lines, [drawn(name) for name in found.corrupted])
    axes.set_ylim(len(found.corrupted) - 0.5, -0.5)
    axes.set(
        xlabel="top-1 error (fraction of the images)",
        ylabel="corruption",
        title=_summary(found),
    )
    axes.grid(alpha=0.3, axis="x")
    axes.figure.legend(loc="outside lower center", ncols=4, fontsize="small")


def _draw_changes(all_axes: Sequence[Any], found: Robustness) -> None:
    for axes, (name, by_amount) in zip(all_axes, found.changed.items(), strict=True):
        amounts = sorted(by_amount)
        accuracies = [by_amount[amount]["top1"] for amount in amounts]
        axes.plot(amounts, accuracies, "o-", color=SEVERITY, markersize=4)
        axes.axhline(found.clean["top1"], color=CLEAN, linestyle="--", zorder=0)
        axes.set(
            xlabel=f"{name} ({CHANGES[name].unit})",
            ylabel="top-1 (fraction)",
            title=f"accuracy by {name}; dashed: clean images",
            ylim=(0, 1),
        )
        axes.grid(alpha=0.3)


def _summary(found: Robustness) -> str:
    figures = [f"clean error {found.clean_error:.3f}"]
    if found.mean_error is not None:
        figures.append(f"mean error {found.mean_error:.3f}")
    if found.mce is not None:
        figures.append(f"mCE {found.mce:.3f}")
    ours = "\nfrost is not the published one" if "frost" in found.corrupted else ""
    return ", ".join(figures) + ours
