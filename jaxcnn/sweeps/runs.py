"""Every recipe with every seed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from jaxcnn.recipe import Recipe
from jaxcnn.train.fit import fit


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
