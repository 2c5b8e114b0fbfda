"""Searches for the best recipe, by validation alone: ranges and lists of any of its fields.

python -m jaxcnn.tune --arch=lenet5 --trials=20 --search optim.lr=log:1e-3:1 augment.pad=0:2
python -m jaxcnn.tune --dataset=mnist --minutes=60 --search arch=mlp,lenet5 batch-size=64,128

A range is LOW:HIGH, or log:LOW:HIGH where each power of ten counts alike; a list has commas. Takes
the flags of jaxcnn.train that make the recipe, for what is fixed. The same command goes on where it
stopped, beside others in one folder too; no trial opens the test split.
"""

import re
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import tyro

from jaxcnn.command import cli, recipe_flags
from jaxcnn.command.native_messages import native_messages_in
from jaxcnn.command.plugin_flag import Plugins, load_plugins
from jaxcnn.errors import Interrupted, RunError, UserError
from jaxcnn.processes.stopping import StopRequested, end_on_signal
from jaxcnn.recipe import Recipe
from jaxcnn.recipe.by_name import flags_for
from jaxcnn.recipe.flags import given_fields, values_of, words_after
from jaxcnn.text.lines import say
from jaxcnn.tune.folder import Search as Kept
from jaxcnn.tune.folder import TuneFolder
from jaxcnn.tune.recipes import begun_flags, recipes_of
from jaxcnn.tune.space import Search, read_search

PROGRAM = "python -m jaxcnn.tune"
TRAIN = "python -m jaxcnn.train"
TRIALS = 50
# Flags of the search alone, which a run has not.
OWN = ("search", "trials", "minutes", "pruner", "workdir")


@dataclass(frozen=True)
class Options:
    recipe: Annotated[Recipe, tyro.conf.arg(name="")]
    plugin: Plugins = ()
    search: Annotated[tuple[str, ...] | None, tyro.conf.arg(metavar="FIELD=RANGE ...")] = None
    """Fields of the recipe, named as their flags: LOW:HIGH, log:LOW:HIGH, or values with commas."""
    trials: int | None = None
    """End when the folder has so many, those before and beside among them; 50 if neither this nor
    --minutes is given."""
    minutes: float | None = None
    """Begin no trial after so many minutes of this command."""
    pruner: Literal["median", "hyperband", "none"] = "median"
    """What ends a trial early: its best epoch so far below the median of others at that epoch,
    Hyperband's brackets, or nothing."""
    workdir: str | None = None
    """The search's folder; runs/tune-ARCH-DATASET if not given."""
    compilation_cache: bool = True
    """Keep compiled programs in ~/.cache/jaxcnn, so that a second run starts in seconds."""


def main(args: Sequence[str] | None = None, *, own_process: bool = False) -> int:
    """Searches. In an `own_process` C++ writes to a file in the search's folder."""
    args = sys.argv[1:] if args is None else args

    @end_on_signal()
    def command() -> int:
        begun = time.monotonic()
        options = parse(args)
        search = searched(args)
        recipes = recipes_of(search, lambda flags: _parse([*args, *flags]).recipe)
        folder = TuneFolder(options.workdir or default_workdir(options.recipe, search))
        typed = shlex.join([*PROGRAM.split(), *args])
        texts = {name: str(domain) for name, domain in search.items()}
        by_flags = {" ".join(flags): recipe for flags, recipe in recipes.fixed.items()}
        kept = Kept(typed, texts, options.pruner, by_flags)
        folder.refuse_other(kept)
        cli.set_up(compilation_cache=options.compilation_cache)
        # After the flags are known to be right: these imports take seconds.
        from jaxcnn.train.loop import TO_GO_ON
        from jaxcnn.tune.metric import metric_of
        from jaxcnn.tune.report import Report
        from jaxcnn.tune.study import Tuning, study_of

        metric = metric_of(recipes.fixed.values())
        neither = options.trials is None and options.minutes is None
        minutes = options.minutes
        with ExitStack() as stack:
            folder.claim(kept)
            study = study_of(folder, options.pruner)
            tuning = Tuning(folder, recipes, metric, options.recipe.seed, study, say)
            if own_process:
                stack.enter_context(native_messages_in(folder.path / "xla.log"))
            try:
                tuning.try_all(
                    TRIALS if neither else options.trials,
                    lambda: minutes is not None and time.monotonic() - begun > 60 * minutes,
                )
                report = Report(tuning, typed)
                report.write()
            except StopRequested as stopped:
                raise Interrupted(
                    f"stopped between two trials of {folder.path}; {TO_GO_ON}",
                    stopped.signal_number,
                ) from stopped
            except Interrupted as stopped:
                raise Interrupted(
                    f"stopped in a trial, which is saved; {TO_GO_ON}", stopped.signal_number
                ) from stopped
        for line in report.notes():
            say(line)
        say(f"the search is in {folder.path}: trials.csv, tune.md, index.html", sys.stdout)
        if report.best is None:
            ended = [trial.user_attrs.get("reason", "") for trial in report.early]
            first = f"; the first: {ended[0]}" if ended else ""
            raise RunError(f"none of {len(report.trials)} trials went to its end{first}")
        values = tuning.values_of(report.best.params)
        best = f"{metric} {report.best.value:.4f} by validation"
        say(f"the best is trial {report.best.number}, {best}: {folder.best}", sys.stdout)
        again = training(args, tuning.best_recipe.arch, values, str(folder.path / "best"))
        say(f"train it: {shlex.join(again)}", sys.stdout)
        return cli.DONE

    return cli.run(PROGRAM, command)


def parse(args: Sequence[str]) -> Options:
    """The flags; defaults are those of the recipe for --arch and --dataset.

    Where the search has these, or another field that defaults follow, they are those of its first.
    """
    load_plugins(values_of("--plugin", args))  # The search may name what they bring.
    if not {"-h", "--help"}.isdisjoint(args):
        return _parse(args)
    if not words_after("--search", args):
        _parse(args)  # Says of a flag that is misspelt, --search perhaps, what it should be.
    options = _parse([*args, *next(iter(begun_flags(searched(args))))])
    if options.trials is not None and options.trials < 1:
        raise UserError(f"--trials={options.trials} is out of range; it must be 1 or more")
    if options.minutes is not None and not options.minutes > 0:
        raise UserError(f"--minutes={options.minutes:g} is out of range; it must be above 0")
    return options


def searched(args: Sequence[str]) -> Search:
    """What --search has. Raises UserError for a field that is given as a flag too."""
    words = words_after("--search", args) or []
    search = read_search(words, next(reversed(values_of("--arch", args)), None))
    given = given_fields(args)
    for field in search:
        if field in given:
            raise UserError(f"{field} is given as a flag and searched; give it in one of them")
    if "test" in given:
        raise UserError("no trial opens the test split; leave --test and --no-test out")
    return search


def default_workdir(recipe: Recipe, search: Search) -> str:
    parts = [getattr(recipe, field) for field in ("arch", "dataset") if field not in search]
    return f"runs/{re.sub('[:/]', '-', '-'.join(['tune', *parts]))}"


def training(args: Sequence[str], arch: str, values: Mapping[str, Any], workdir: str) -> list[str]:
    """The words of the command that trains with those values what `args` search."""
    fixed, dropping = [], False
    for arg in args:
        if arg.startswith("--"):
            dropping = arg.partition("=")[0].removeprefix("--") in OWN
        if not dropping:
            fixed.append(arg)
    flags = [word for field, value in values.items() for word in flags_for(arch, field, value)]
    return [*TRAIN.split(), *fixed, *flags, f"--workdir={workdir}"]


def _parse(args: Sequence[str]) -> Options:
    return recipe_flags.parse(Options, args, program=PROGRAM, description=lambda recipe: __doc__)
