"""A sweep as a picture: every seed's figure, and each recipe's mean with its interval."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jaxcnn.sweeps.statistics import estimate, num_folds
from jaxcnn.sweeps.tables import shared_splits
from jaxcnn.text.figure_text import drawn, plain_text

# Okabe and Ito's, which the colour-blind tell apart: https://jfly.uni-koeln.de/color/.
SEED, MEAN, BASELINE = "#0072B2", "#000000", "#D55E00"
TITLES = {"val": "validation", "test": "test"}
UNITS = {"loss": "mean of the images"}  # Others are fractions of them, or scores up to 1.
LINE_INCHES, BETWEEN_INCHES, AROUND_INCHES = 0.17, 0.22, 1.5
# Matplotlib draws no more than 65,536 pixels a side, and nobody looks at so many.
MOST_INCHES = 200


def png_of(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], title: str, metric: str, baseline: str
) -> bytes:
    """Validation and test, if measured, side by side; a line for each recipe, the first on top."""
    with plain_text():
        # A field a line, so that long names leave room for the figures.
        labels = ["\n".join(map(drawn, name.split(","))) for name in runs]
        heights = [LINE_INCHES * (label.count("\n") + 1) + BETWEEN_INCHES for label in labels]
        height = min(AROUND_INCHES + sum(heights), MOST_INCHES)
        figure = Figure(figsize=(10, height), layout="constrained")
        figure.suptitle(drawn(title, 100))
        middles = [sum(heights[:i]) + heights[i] / 2 for i in range(len(heights))]
        splits = shared_splits(runs)
        (each,) = figure.subplots(1, len(splits), sharey=True, squeeze=False)
        for axes, split in zip(each, splits, strict=True):
            for middle, summaries in zip(middles, runs.values(), strict=True):
                _draw(axes, middle, summaries, split, metric)
            mean = estimate(runs[baseline], split, metric).mean
            axes.axvline(
                mean, color=BASELINE, linestyle="--", zorder=0, label="mean of the baseline"
            )
            axes.set(xlabel=f"{metric} ({UNITS.get(metric, 'fraction')})", title=TITLES[split])
            axes.set_yticks(middles, labels)
            axes.set_ylim(sum(heights), 0)
            axes.xaxis.set_major_locator(MaxNLocator(5))
            axes.grid(alpha=0.3, axis="x")
        each[0].set_ylabel("recipe")
        # Each once, whatever the number of recipes.
        handles, names = each[0].get_legend_handles_labels()
        once = dict(zip(names, handles, strict=True))
        figure.legend(once.values(), once.keys(), loc="outside lower center", ncols=len(once))
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=120)
    return file.getvalue()


def _draw(
    axes: Any, middle: float, summaries: Sequence[Mapping[str, Any]], split: str, metric: str
) -> None:
    found = estimate(summaries, split, metric)
    several = len(found.values) > 1
    above = middle - 0.06  # Beside the mean, whose line would hide them.
    axes.plot(
        found.values,
        [above] * len(found.values),
        "o",
        color=SEED,
        alpha=0.5,
        markersize=4,
        label="a seed" if num_folds(summaries[0]) is None else "a fold",
    )
    axes.errorbar(
        found.mean,
        middle + 0.06,
        xerr=found.interval95 if several else None,
        fmt="D",
        color=MEAN,
        capsize=3,
        markersize=4,
        label="mean and its 95% interval" if several else "its only seed",
    )
