"""Runs of one recipe with several seeds, trained at once, each in a thread of its own."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import jax
from rich.console import Console

from jaxcnn.data.loader.workers import usable_cores
from jaxcnn.errors import Interrupted, RunError, UserError
from jaxcnn.processes.stopping import stop_on_signal
from jaxcnn.recipe import Recipe
from jaxcnn.run.folder import RunFolder
from jaxcnn.text.lines import say_on
from jaxcnn.text.prefixed import prefixed
from jaxcnn.train.beside import Beside, Shared
from jaxcnn.train.fit import fit
from jaxcnn.xla.set_up import set_up


def fit_side_by_side(
    runs: Mapping[Path, Recipe],
    console: Console,
    *,
    as_one: bool | None = None,
    **given: Any,
) -> dict[Path, dict[str, Any]]:
    """`fit` of recipes that differ by their seeds alone, by folder: their summaries.

    On accelerators all at once, and each training step is one program for all of them: a run's
    figures are those that it would have alone but for rounding. On a CPU, where such a program is
    slower than one after the other, as many at once as there are cores, and to the bit what each
    would be alone. `as_one` says which, in place of the kind of device.

    `given` are `model`, `data`, `task` and `transforms`, as `fit` takes them, for all runs.

    Where runs fail the others go on to their end; then the first one's error is raised. A signal
    stops all of them.
    """
    if off := set_up():
        say_on(console, off)
    if as_one is None:
        as_one = jax.default_backend() != "cpu"
    if as_one and any(recipe.parallel == "pmap" for recipe in runs.values()):
        raise UserError("runs side by side are one program; they take --parallel=jit")
    unfinished = [path for path in runs if RunFolder(path).read_summary() is None]
    shared = Shared(len(unfinished), as_one=as_one)
    at_once = max(1, len(unfinished) if as_one else usable_cores())

    def train(path: Path) -> dict[str, Any]:
        recipe = runs[path]
        lines = prefixed(console.file, f"seed {recipe.seed}: ")
        mine = Console(file=lines, quiet=console.quiet, width=console.width)
        if path not in unfinished:
            return fit(recipe, path, console=mine, **given)
        beside = Beside(shared, unfinished.index(path))
        try:
            return fit(
                recipe,
                path,
                console=mine,
                stop_when_asked=lambda: nullcontext(stop),
                beside=beside,
                **given,
            )
        except RunError as error:
            say_on(mine, str(error))
            raise
        finally:
            shared.end(beside.run)

    with stop_on_signal() as stop, ThreadPoolExecutor(at_once, "jaxcnn run") as threads:
        under_way = {path: threads.submit(train, path) for path in runs}
    errors = [error for each in under_way.values() if (error := each.exception()) is not None]
    # What the user asked for comes before what it brought about.
    for error in sorted(errors, key=lambda error: not isinstance(error, Interrupted)):
        raise error
    return {path: each.result() for path, each in under_way.items()}
