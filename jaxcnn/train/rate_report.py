"""A range test of learning rates as files: a page with its curve, the curve alone, and a table."""

import csv
import io
from pathlib import Path

from matplotlib.figure import Figure

from jaxcnn.files import own_files
from jaxcnn.recipe import Recipe
from jaxcnn.report.charts import BLUE, GREEN, INK, ORANGE, plain_numbers, styled, svg_of
from jaxcnn.report.page import rendered
from jaxcnn.train.rate_range import RateRange

DOTS_AN_INCH = 120


def write_rate_report(folder: Path, recipe: Recipe, found: RateRange, command: str) -> None:
    """Writes `index.html`, `lr_find.png` and `lr_find.csv`."""
    files = [folder / name for name in ("index.html", "lr_find.png", "lr_find.csv")]
    own_files.refuse_foreign(files, (folder,))
    folder.mkdir(parents=True, exist_ok=True)
    page, png, table = files
    with styled():
        figure = curve(found)
        image = io.BytesIO()
        figure.savefig(image, format="png", dpi=DOTS_AN_INCH)
        svg = svg_of(figure)
    own_files.write(png, image.getvalue())
    own_files.write(table, _csv(found))
    rows = [
        ("", "learning rate"),
        ("suggested: a tenth of that at the minimum", f"{found.suggested:g}"),
        ("lowest smoothed loss", f"{found.at_minimum:.2g}"),
        ("steepest descent", f"{found.steepest:.2g}"),
        (f"in the recipe, {recipe.optim.name}", f"{recipe.optim.lr:g}"),
    ]
    notes = [
        "Smith, 2017, https://arxiv.org/abs/1506.01186: the rate grows with every step, of a "
        "network that keeps nothing of it.",
        "A start for a search (python -m jaxcnn.tune), not its end: the test is short, and a long "
        "schedule may like another rate.",
    ]
    html = rendered(
        "tables.html",
        title=f"{recipe.arch} on {recipe.dataset}: learning rates",
        subtitle="A range test: training loss at rates that grow",
        command=command,
        tables=[{"title": "Rates", "rows": rows, "notes": notes}],
        picture=None,
        charts=[{"svg": svg, "caption": "Training loss of each step, and its running average."}],
        galleries=[],
    )
    own_files.write(page, html)


def curve(found: RateRange) -> Figure:
    """Training loss by learning rate, and what the rates are chosen by."""
    figure = Figure(figsize=(7, 3.8), layout="constrained")
    axes = figure.subplots()
    axes.plot(found.rates, found.losses, ".", color=BLUE, alpha=0.3, markersize=4, label="a step")
    axes.plot(found.rates, found.smoothed, color=BLUE, label="smoothed")
    for rate, colour, style, label in (
        (found.suggested, GREEN, "-", f"suggested, a tenth of the minimum's: {found.suggested:g}"),
        (found.steepest, ORANGE, ":", f"steepest descent: {found.steepest:.2g}"),
        (found.at_minimum, INK, ":", f"minimum: {found.at_minimum:.2g}"),
    ):
        axes.axvline(rate, color=colour, linestyle=style, label=label)
    axes.set_xscale("log")
    plain_numbers(axes.xaxis)
    low, high = found.smoothed.min(), found.smoothed[0]
    room = max(high - low, 1e-6)
    axes.set(xlabel="learning rate", ylabel="training loss")
    axes.set_ylim(low - 0.3 * room, high + 1.0 * room)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return figure


def _csv(found: RateRange) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["step", "lr", "loss", "smoothed"])
    for step, row in enumerate(zip(found.rates, found.losses, found.smoothed, strict=True), 1):
        rows.writerow([step, *map(float, row)])
    return text.getvalue()
