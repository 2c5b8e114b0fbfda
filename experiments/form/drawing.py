"""What was measured, as a figure: dots of every seed, or lines over a quantity."""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from experiments.form.claim import Measure
from experiments.form.table import Table
from jaxcnn.report.charts import plain_numbers
from jaxcnn.text.figure_text import drawn, plain_text

# Okabe and Ito's, which the colour-blind tell apart: https://jfly.uni-koeln.de/color/.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vPX"
# Runs over the values of a quantity: by the line's name, (value, run).
Series = Mapping[str, Sequence[tuple[float, str]]]


def png_of(draw: Callable[[Table, Figure], None], table: Table, title: str) -> bytes:
    with plain_text():
        figure = Figure(layout="constrained", dpi=100)
        draw(table, figure)
        figure.suptitle(drawn(title, 110), fontsize="medium")
        file = io.BytesIO()
        figure.savefig(file, format="png")
    return file.getvalue()


def dots(table: Table, figure: Figure, measures: Mapping[str, Measure]) -> None:
    """A panel a measure, a line a run: its seeds, its mean, and the mean's 95% interval."""
    figure.set_size_inches(1.5 + 3.6 * len(measures), 1.4 + 0.32 * len(table.runs))
    panels = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    for axes, (name, measure) in zip(panels, measures.items(), strict=True):
        for place, run in enumerate(table.runs):
            found = table.estimate(run, name)
            reach = found.interval95 if len(found.values) > 1 else 0
            axes.plot(found.values, [place - 0.12] * len(found.values), "o", ms=4, alpha=0.6,
                      color=COLOURS[0], label="a seed")  # fmt: skip
            axes.errorbar(found.mean, place + 0.12, xerr=reach, fmt="D", ms=4, capsize=3,
                          color=COLOURS[-1], label="mean, 95% interval")  # fmt: skip
        axes.axvline(
            table.estimate(table.runs[0], name).mean,
            color=COLOURS[1],
            linestyle="--",
            zorder=0,
            label=f"mean of {table.runs[0]}",
        )
        axes.set_xlabel(measure.label)
        axes.grid(alpha=0.3, axis="x")
    panels[0].set_yticks(range(len(table.runs)), table.runs)
    panels[0].invert_yaxis()
    panels[0].set_ylabel("run")
    legend(figure, panels[0])


def dots_of(measures: Mapping[str, Measure], *names: str) -> Callable[[Table, Figure], None]:
    """`dots` of the measures of these names, as a claim draws."""
    return lambda table, figure: dots(table, figure, {name: measures[name] for name in names})


def lines(
    table: Table,
    figure: Figure,
    measures: Mapping[str, Measure],
    series: Series,
    xlabel: str,
    **axis: Any,
) -> None:
    """A panel a measure: means over a quantity, with their 95% intervals, a line a series.

    `axis` is what `Axes.set` takes too: xscale="log" for one.
    """
    figure.set_size_inches(1 + 3.7 * len(measures), 3.9)
    panels = figure.subplots(1, len(measures), squeeze=False)[0]
    for axes, (name, measure) in zip(panels, measures.items(), strict=True):
        for (label, points), colour, marker in zip(series.items(), COLOURS, MARKERS, strict=False):
            found = [table.estimate(run, name) for _, run in points]
            several = len(found[0].values) > 1
            axes.errorbar(
                [x for x, _ in points],
                [each.mean for each in found],
                yerr=[each.interval95 for each in found] if several else None,
                color=colour, marker=marker, ms=5, capsize=3, label=label,
            )  # fmt: skip
        axes.set(xlabel=xlabel, ylabel=measure.label, **axis)
        if axes.get_xscale() == "log":
            plain_numbers(axes.xaxis)
        axes.grid(alpha=0.3)
    legend(figure, panels[0])


def legend(figure: Figure, axes: Any) -> None:
    """Below all panels, each name once."""
    handles, names = axes.get_legend_handles_labels()
    once = dict(zip(names, handles, strict=True))
    figure.legend(once.values(), once.keys(), loc="outside lower center", ncols=min(4, len(once)))
