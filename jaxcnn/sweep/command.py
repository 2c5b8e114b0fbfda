"""Recipes over seeds, compared: mean, 95% interval, difference to a baseline, and its p-value.

python -m jaxcnn.sweep --arch=linear --seeds=5 --grid optim.lr=1e-3,1e-2
python -m jaxcnn.sweep --arch=resnet20 --dataset=cifar10 --grid optim.lr=0.02,0.01 model.remat=true
python -m jaxcnn.sweep --dataset=mnist --grid arch=linear,mlp,lenet5 --baseline=arch=mlp

Takes the flags of jaxcnn.train that make the recipe. Prints a table, and writes it with its
picture and a row per run into the folder. The same command goes on where it stopped; more --seeds
add runs to it.
"""

import re
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Annotated

import tyro

from jaxcnn.command import cli, recipe_flags
from jaxcnn.command.native_messages import native_messages_in
from jaxcnn.command.plugin_flag import Plugins, load_plugins
from jaxcnn.data.folds import MOST_FOLDS
from jaxcnn.errors import Interrupted, UserError
from jaxcnn.processes.stopping import StopRequested, end_on_signal
from jaxcnn.recipe import Recipe, check
from jaxcnn.recipe.by_name import with_fields
from jaxcnn.recipe.flags import defaulting_flags, given_fields, values_of, words_after
from jaxcnn.sweep.folder import Sweep, SweepFolder
from jaxcnn.sweep.grid import Axes, Choice, choices, name_of, read_grid
from jaxcnn.text.lines import say

PROGRAM = "python -m jaxcnn.sweep"
# A number alone is a count; one above is a seed, a date perhaps, whose owner means that seed.
MOST_SEEDS = 1_000
LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True)
class Options:
    recipe: Annotated[Recipe, tyro.conf.arg(name="")]
    plugin: Plugins = ()
    seeds: Annotated[tuple[str, ...], tyro.conf.arg(metavar="N|SEED SEED ...")] = ("5",)
    """One number: so many seeds, from 0 on. Several: those seeds."""
    folds: int | None = None
    """Divide training and validation images into so many parts, and train as often, each validating
    in turn; --seeds is then 1 if not given, and with more each divides anew. No run is tested."""
    grid: Annotated[tuple[str, ...] | None, tyro.conf.arg(metavar="FIELD=V1,V2 ...")] = None
    """Fields of the recipe, named as their flags, and their values: all are run with each other.
    Numbers of a field that takes several have spaces between them, within quotation marks."""
    baseline: str | None = None
    """Name of the recipe that the others are compared with; the first if not given."""
    metric: str | None = None
    """Figure to compare by; top1, or mAP where images show several classes, if not given."""
    together: bool = False
    """Train a recipe's seeds at once: on accelerators as one program, on a CPU a run a core. Their
    seconds are then those beside each other."""
    workdir: str | None = None
    """The sweep's folder; runs/sweep-ARCH-DATASET if not given."""
    compilation_cache: bool = True
    """Keep compiled programs in ~/.cache/jaxcnn, so that a second run starts in seconds."""


def main(args: Sequence[str] | None = None, *, own_process: bool = False) -> int:
    """Sweeps. In an `own_process` C++ writes to a file in the sweep's folder."""
    args = sys.argv[1:] if args is None else args

    @end_on_signal()
    def command() -> int:
        options = parse(args)
        axes, folds = read_axes(args), options.folds
        once = folds is not None and "seeds" not in given_fields(args)
        seeds = seeds_of(("1",) if once else options.seeds)
        check_folds(options)
        by_name = {name_of(choice) or options.recipe.arch: choice for choice in choices(axes)}
        recipes = recipes_of(by_name, args)
        baseline = options.baseline or next(iter(recipes))
        check_baseline(baseline, recipes)
        cli.set_up(compilation_cache=options.compilation_cache)
        # After the flags are known to be right: these imports take seconds.
        from jaxcnn.sweep.outcome import Outcome
        from jaxcnn.sweep.work import about_folds, metric_of, of_their_weights, work_of
        from jaxcnn.sweeps import sweep
        from jaxcnn.train.loop import TO_GO_ON

        recipes = of_their_weights(recipes, say)
        if folds is not None:
            recipes = {name: replace(recipe, test=False) for name, recipe in recipes.items()}
        folder = SweepFolder(options.workdir or default_workdir(options.recipe, axes, folds))
        typed = shlex.join([*PROGRAM.split(), *args])
        if (before := folder.read()) is not None and before.command == typed:
            # Defaults may have changed since: with the version, or with a folder's pictures.
            recipes = before.recipes
        folder.refuse_other(recipes)
        work = work_of(recipes)
        about = [] if folds is None else about_folds(recipes, folds, seeds[0])
        metric = metric_of(work.values(), options.metric)
        gmacs = {name: of_recipe.gmacs for name, of_recipe in work.items()}
        with ExitStack() as stack:
            if own_process:
                stack.enter_context(native_messages_in(folder.path / "xla.log"))
            stack.enter_context(folder.claimed(Sweep(typed, recipes)))
            try:
                runs = sweep(recipes, seeds, folder.path, together=options.together, folds=folds)
                outcome = Outcome(runs, by_name, gmacs, metric, baseline, options.together, about)
                outcome.write(folder, typed)
            except StopRequested as stopped:
                raise Interrupted(
                    f"stopped between two runs of {folder.path}; {TO_GO_ON}", stopped.signal_number
                ) from stopped
        outcome.show(cli.console())
        say(f"the sweep is in {folder.path}: sweep.csv, sweep.md, index.html", sys.stdout)
        return cli.DONE

    return cli.run(PROGRAM, command)


def parse(args: Sequence[str]) -> Options:
    """The flags; defaults are those of the recipe for --arch and --dataset.

    Where the grid has these, or another field that defaults follow, they are those of its first.
    """
    load_plugins(values_of("--plugin", args))  # The grid may name what they bring.
    first = next(choices(read_axes(args)))
    return _parse([*args, *defaulting_flags(first)])


def read_axes(args: Sequence[str]) -> Axes:
    """What --grid has. Raises UserError for a field that is given as a flag too."""
    words = words_after("--grid", args)
    if words is None:
        return {}
    axes = read_grid(words, next(reversed(values_of("--arch", args)), None))
    for field in axes:
        if field in given_fields(args):
            raise UserError(f"{field} is given as a flag and in the grid; give it in one of them")
    return axes


def seeds_of(words: Sequence[str]) -> Sequence[int]:
    """The seeds that --seeds means: one number is a count."""
    texts = [text for word in words for text in word.split(",") if text.strip()]
    try:
        numbers = [int(text) for text in texts]
    except ValueError:
        numbers = []
    shown = f"--seeds={' '.join(words)}"
    if not numbers:
        raise UserError(f"{shown} is none; give how many, or several: --seeds 3 5 7")
    if len(numbers) == 1:
        (count,) = numbers
        if not 1 <= count <= MOST_SEEDS:
            raise UserError(
                f"{shown} is out of range; one number is how many seeds, 1 to {MOST_SEEDS:,}, from "
                "0 on (one run with a seed of its own is python -m jaxcnn.train --seed=N)"
            )
        return range(count)
    if len(set(numbers)) < len(numbers):
        raise UserError(f"{shown} has a seed twice; give each once")
    if not all(0 <= number <= LARGEST_SEED for number in numbers):
        raise UserError(f"{shown} is out of range; a seed is 0 to {LARGEST_SEED}")
    return numbers


def recipes_of(by_name: Mapping[str, Choice], args: Sequence[str]) -> dict[str, Recipe]:
    """Each choice's recipe: that of jaxcnn.train with the same flags."""
    of_defaults: dict[tuple[str, ...], Recipe] = {}
    recipes = {}
    for name, choice in by_name.items():
        flags = defaulting_flags(choice)
        if flags not in of_defaults:
            of_defaults[flags] = _parse([*args, *flags]).recipe
        try:
            recipes[name] = with_fields(of_defaults[flags], choice)
        except UserError as error:
            raise UserError(f"{name}: {error}") from error
        check(recipes[name])
    return recipes


def check_baseline(baseline: str, names: Iterable[str]) -> None:
    """Raises UserError, with the nearest, for a name that is none of the recipes'."""
    if baseline not in names:
        # Some are always near: they begin with the names of fields.
        (near,) = get_close_matches(baseline, names, n=1, cutoff=0)
        raise UserError(f"--baseline={baseline} is no recipe of this sweep; did you mean {near!r}?")


def check_folds(options: Options) -> None:
    """Raises UserError for folds that cannot be, or beside what does not go with them."""
    folds = options.folds
    if folds is None:
        return
    if not 2 <= folds <= MOST_FOLDS:
        raise UserError(f"--folds={folds} is out of range; it must be 2 to {MOST_FOLDS}")
    if options.recipe.fold is not None:
        raise UserError("--fold is one of a set's folds; --folds trains all of them, leave it out")
    if options.together:
        raise UserError("--together is for seeds of one data; --folds trains them in turn")


def default_workdir(recipe: Recipe, axes: Axes, folds: int | None = None) -> str:
    parts = [getattr(recipe, field) for field in ("arch", "dataset") if field not in axes]
    parts += [] if folds is None else [f"{folds}folds"]
    return f"runs/{re.sub('[:/]', '-', '-'.join(['sweep', *parts]))}"


def _parse(args: Sequence[str]) -> Options:
    if "seed" in given_fields(args):
        raise UserError("--seed is of one run; give --seeds=N for N seeds, or --seeds 3 5 7")
    return recipe_flags.parse(Options, args, program=PROGRAM, description=lambda recipe: __doc__)
