"""Pictures of a study: how it went, what became of each trial, and of each field's values."""

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.trial import FrozenTrial

from jaxcnn.files.typed_text import text_of
from jaxcnn.report.charts import BLUE, INK, ORANGE, plain_numbers
from jaxcnn.text.figure_text import drawn
from jaxcnn.tune.space import Choices, Search

# More cannot be told apart.
MOST_CURVES, MOST_FIELDS, COLUMNS = 200, 24, 3


def history(done: Sequence[FrozenTrial], early: Sequence[FrozenTrial], metric: str) -> Figure:
    """Each trial's figure by its number, and the best so far."""
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    axes = figure.subplots()
    if done:
        numbers, values = [t.number for t in done], [t.value or 0.0 for t in done]
        axes.plot(numbers, values, "o", color=BLUE, markersize=4, label="to the end")
        axes.step(
            numbers, list(accumulate(values, max)), where="post", color=BLUE, label="best so far"
        )
    if seen := [trial for trial in early if trial.intermediate_values]:
        best = [max(trial.intermediate_values.values()) for trial in seen]
        numbers = [trial.number for trial in seen]
        axes.plot(numbers, best, "x", color=ORANGE, markersize=5, label="ended early")
    axes.set(xlabel="trial", ylabel=f"validation {metric}, best epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", fontsize=8)
    return figure


def by_epoch(
    done: Sequence[FrozenTrial], early: Sequence[FrozenTrial], best: FrozenTrial | None, metric: str
) -> Figure:
    """The figure of each trial's epochs."""
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    axes = figure.subplots()
    for trials, colour, style in ((early, ORANGE, ":"), (done, BLUE, "-")):
        for trial in trials[-MOST_CURVES:]:
            epochs = sorted(trial.intermediate_values)
            values = [trial.intermediate_values[epoch] for epoch in epochs]
            chosen = best is not None and trial.number == best.number
            look = {"color": INK, "linewidth": 2} if chosen else {"color": colour, "alpha": 0.6}
            marker = "." if len(epochs) == 1 else None
            axes.plot(epochs, values, style, marker=marker, **look)
    axes.set(xlabel="epoch", ylabel=f"validation {metric}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def by_field(
    done: Sequence[FrozenTrial], search: Search, values: Sequence[Mapping[str, Any]], metric: str
) -> Figure | None:
    """The trials' figure by the value of each field; None where no trial went to its end."""
    names = list(search)[:MOST_FIELDS]
    if not done:
        return None
    # As wide as the page whatever their number, or one would be drawn in letters of its size.
    columns = min(COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    figure = Figure(figsize=(7, 3.4 if columns == 1 else 2.6 * rows), layout="constrained")
    cells = figure.subplots(rows, columns, squeeze=False, sharey=True).flat
    reached = [trial.value for trial in done]
    for axes, name in zip(cells, names, strict=False):
        domain, given = search[name], [of_trial[name] for of_trial in values]
        if isinstance(domain, Choices):
            places = [domain.values.index(value) for value in given]
            axes.plot(places, reached, "o", color=BLUE, alpha=0.6, markersize=4)
            labels = [drawn(text_of(value), 20) for value in domain.values]
            axes.set_xticks(range(len(labels)), labels)
            axes.margins(x=0.2)
        else:
            axes.plot(given, reached, "o", color=BLUE, alpha=0.6, markersize=4, clip_on=False)
            axes.set_xlim(domain.low, domain.high)
            if domain.log:
                axes.set_xscale("log")
                plain_numbers(axes.xaxis)
        axes.set(xlabel=drawn(name, 40))
    for axes in list(figure.axes)[len(names) :]:
        axes.set_visible(False)
    figure.axes[0].set(ylabel=f"validation {metric}")
    return figure
