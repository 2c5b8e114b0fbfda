"""A comparison as a picture: the figure of each by its work."""

from matplotlib.figure import Figure

from jaxcnn.comparison.comparison import Comparison
from jaxcnn.report.charts import BLUE, INK, ORANGE
from jaxcnn.text.figure_text import drawn


def figure_by_size(comparison: Comparison) -> Figure:
    """A line for each, the first on top, with its 95% interval. Called within `styled`."""
    rows = comparison.rows
    figure = Figure(figsize=(7, 1.1 + 0.32 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(rows):
        value = getattr(row.figures, comparison.metric)
        if value is None:
            continue
        ends = row.figures.intervals.get(comparison.metric)
        widths = None if ends is None else [[value - ends[0]], [ends[1] - value]]
        colour = ORANGE if place == 0 else BLUE
        axes.errorbar(value, place, xerr=widths, fmt="o", color=colour, capsize=3, markersize=5)
    first = getattr(rows[0].figures, comparison.metric)
    if first is not None:
        axes.axvline(first, color=INK, linestyle=":", linewidth=1)
    axes.set_yticks(range(len(rows)), [drawn(row.candidate.name, 32) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set(xlabel=f"{comparison.metric} (fraction)", title=f"{comparison.split} split")
    return figure
