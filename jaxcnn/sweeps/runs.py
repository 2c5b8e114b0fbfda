"""Every recipe with every seed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from jaxcnn.recipe import Recipe
from jaxcnn.train.fit import fit
from jaxcnn.train.side_by_side import fit_side_by_side


def sweep(
    recipes: Mapping[str, Recipe],
    seeds: Sequence[int],
    workdir: str | Path,
    *,
    console: Console | None = None,
    together: bool = False,
) -> dict[str, list[dict[str, Any]]]:
    """Runs every named recipe with every seed, and returns their summaries, by name.

    The runs stand in `workdir/NAME/sSEED`. One that is done is not done again, and one that was
    stopped goes on: calling this once more after an interruption finishes the sweep.

    `together` trains a recipe's seeds at once, as `fit_side_by_side` says: on accelerators as one
    program, with the figures of runs one after the other but for rounding; on a CPU a run a core,
    with theirs to the bit. The seconds of such a run are those that it took beside the others.
    """
    of_recipe = _together if together else _one_after_the_other
    return {
        name: of_recipe(
            {Path(workdir) / name / f"s{seed}": replace(recipe, seed=seed) for seed in seeds},
            console or Console(stderr=True),
        )
        for name, recipe in recipes.items()
    }


def _one_after_the_other(runs: Mapping[Path, Recipe], console: Console) -> list[dict[str, Any]]:
    return [fit(recipe, path, console=console) for path, recipe in runs.items()]


def _together(runs: Mapping[Path, Recipe], console: Console) -> list[dict[str, Any]]:
    return list(fit_side_by_side(runs, console).values())
