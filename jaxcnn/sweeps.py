"""Recipes x seeds -> mean, standard deviation and a 95% interval: before a claim is believed."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from scipy import stats

from jaxcnn.recipe import Recipe
from jaxcnn.text.lines import cell
from jaxcnn.train.fit import fit


@dataclass(frozen=True)
class Estimate:
    """One figure over the seeds of a recipe.

    Attributes:
        values: one per seed, in the seeds' order.
        mean: their mean.
        std: their sample standard deviation; 0 for a single seed.
        interval95: half the width of the 95% confidence interval of the mean (Student's t);
            infinite for a single seed, which says nothing of the spread.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def std(self) -> float:
        return statistics.stdev(self.values) if len(self.values) > 1 else 0.0

    @property
    def interval95(self) -> float:
        n = len(self.values)
        if n == 1:
            return float("inf")
        return float(stats.t.ppf(0.975, n - 1)) * self.std / n**0.5

    def __str__(self) -> str:
        return f"{self.mean:.4f} ± {self.interval95:.4f} (std {self.std:.4f}, n={len(self.values)})"


def sweep(
    recipes: Mapping[str, Recipe],
    seeds: Sequence[int],
    workdir: str | Path,
    *,
    console: Console | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Runs every named recipe with every seed, and returns their summaries, by name.

    The runs stand in `workdir/NAME/sSEED`. One that is done is not done again, and one that was
    stopped goes on: calling this once more after an interruption finishes the sweep.
    """
    return {
        name: [
            fit(replace(recipe, seed=seed), Path(workdir) / name / f"s{seed}", console=console)
            for seed in seeds
        ]
        for name, recipe in recipes.items()
    }


def estimate(summaries: Sequence[Mapping[str, Any]], split: str, metric: str) -> Estimate:
    """A figure of the summaries, `estimate(runs["baseline"], "test", "top1")` for one."""
    return Estimate(tuple(summary[split][metric] for summary in summaries))


def table(
    summaries: Mapping[str, Sequence[Mapping[str, Any]]], split: str = "test", metric: str = "top1"
) -> Table:
    """A row per recipe: the figure's mean, 95% interval, standard deviation and seeds."""
    rows = Table("recipe", f"{split} {metric}", "± 95%", "std", "seeds", "parameters")
    for name, runs in summaries.items():
        figure = estimate(runs, split, metric)
        rows.add_row(
            cell(name),
            f"{figure.mean:.4f}",
            f"{figure.interval95:.4f}",
            f"{figure.std:.4f}",
            str(len(runs)),
            f"{runs[0]['params']:,}",
        )
    return rows
