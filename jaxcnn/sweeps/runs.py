"""Every recipe with every seed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from jaxcnn.data.own import as_dataset
from jaxcnn.discovery import suggestion
from jaxcnn.errors import RunError, UserError
from jaxcnn.recipe import Recipe
from jaxcnn.text.lines import say_on
from jaxcnn.train.fit import fit
from jaxcnn.train.side_by_side import fit_side_by_side


def sweep(
    recipes: Mapping[str, Recipe],
    seeds: Sequence[int],
    workdir: str | Path,
    *,
    model: Any = None,
    data: Any = None,
    task: Any = None,
    transforms: Sequence[Any] | Mapping[str, Sequence[Any]] = (),
    console: Console | None = None,
    together: bool = False,
    folds: int | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Runs every named recipe with every seed, and returns their summaries, by name.

    The runs stand in `workdir/NAME/sSEED`. With `folds` each seed divides the training and
    validation examples into so many parts, of which each validates a run of its own,
    `workdir/NAME/sSEED-foldKofN`, that ends without its test; several seeds are repeated
    cross-validation. One that is done is not done again, and one that was
    stopped goes on: calling this once more after an interruption finishes the sweep.

    `model`, `data`, `task` and `transforms` are `fit`'s, for all runs; all but `data` may be
    mappings by the recipes' names, for an ablation. A name that is not there has none.

    `together` trains a recipe's seeds at once, as `fit_side_by_side` says: on accelerators as one
    program, with the figures of runs one after the other but for rounding; on a CPU a run a core,
    with theirs to the bit. The seconds of such a run are those that it took beside the others.

    Where a run fails, of a loss that is not finite perhaps, all others are done; then RunError
    says of the first what it failed of.
    """
    if together and folds is not None:
        raise UserError("folds are trained one after the other: their data differs")
    of_recipe = fit_side_by_side if together else _one_after_the_other
    console = console or Console(stderr=True)
    by_name = {"model": model, "task": task, "transforms": transforms}
    for what, given in by_name.items():
        _refuse_unknown(what, given, recipes)
    # Once, and not for each run: a source is read for its labels.
    data = None if data is None else as_dataset(data, tell=partial(say_on, console))
    summaries, failed = {}, []
    for name, recipe in recipes.items():
        folder = Path(workdir) / name
        runs = {folder / f"s{seed}": replace(recipe, seed=seed) for seed in seeds}
        if folds is not None:
            runs = {
                path.with_name(f"{path.name}-fold{fold}of{folds}"): replace(
                    of_seed, fold=f"{fold}/{folds}", test=False
                )
                for path, of_seed in runs.items()
                for fold in range(1, folds + 1)
            }
        try:
            given = {what: _of_name(each, name) for what, each in by_name.items()}
            given["transforms"] = given["transforms"] or ()
            summaries[name] = list(of_recipe(runs, console, data=data, **given).values())
        except RunError as error:
            failed.append(error)
    for error in failed:
        raise error
    return summaries


def _refuse_unknown(what: str, given: Any, recipes: Mapping[str, Recipe]) -> None:
    """Raises UserError where a mapping has something for a recipe that is not there."""
    if isinstance(given, Mapping) and (unknown := [name for name in given if name not in recipes]):
        raise UserError(f"{what} is given for {unknown[0]!r}; {suggestion(unknown[0], recipes)}")


def _of_name(given: Any, name: str) -> Any:
    return given.get(name) if isinstance(given, Mapping) else given


def _one_after_the_other(
    runs: Mapping[Path, Recipe], console: Console, **given: Any
) -> dict[Path, dict[str, Any]]:
    summaries, failed = {}, []
    for path, recipe in runs.items():
        fold = "" if recipe.fold is None else f", fold {recipe.fold}"
        say_on(console, f"{path.parent.name}, seed {recipe.seed}{fold}:")
        try:
            summaries[path] = fit(recipe, path, console=console, **given)
        except RunError as error:
            say_on(console, f"{path}: {error}")
            failed.append(error)
    for error in failed:
        raise error
    return summaries
