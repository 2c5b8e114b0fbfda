"""python -m jaxcnn.train --arch=NAME: trains a model, or goes on with a run that stopped."""

import re
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import jax
import tyro

from jaxcnn.command import cli, recipe_flags
from jaxcnn.command.native_messages import native_messages_in
from jaxcnn.command.plugin_flag import Plugins
from jaxcnn.errors import UserError
from jaxcnn.files.cache_folder import cache_folder
from jaxcnn.files.paths import expanded
from jaxcnn.processes.distributed import Distributed, is_first, joined, leave
from jaxcnn.processes.stopping import end_on_signal, stop_on_signal
from jaxcnn.recipe import DEFAULTED_FIELDS, Recipe, check, note_of_default
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.wandb_log import wandb_log
from jaxcnn.text.lines import say
from jaxcnn.train.step_profile import steps_to_profile
from jaxcnn.xla.cache import keep_no_compiled_programs

PROGRAM = "python -m jaxcnn.train"


@dataclass(frozen=True)
class Options:
    recipe: Annotated[Recipe, tyro.conf.arg(name="")]
    plugin: Plugins = ()
    workdir: str | None = None
    """The run's folder; runs/ARCH-DATASET-sSEED if not given. The same command resumes there."""
    extend: bool = False
    """Go on with a run that is finished, for more --epochs or --steps, its schedule stretched."""
    lr_find: bool = False
    """Do not train, but try learning rates: a plot and a suggested rate, in the folder lr_find of
    the run's; nothing is left there to go on from."""
    profile: str | None = None
    """Write a jax.profiler trace of steps FIRST:LAST, counted from 1, into the run's folder."""
    wandb: str | None = None
    """Project at Weights & Biases to log the epochs to as well; needs the wandb extra."""
    distributed: Distributed = Distributed()
    compilation_cache: bool = True
    """Keep programs, traced and compiled, in ~/.cache/jaxcnn: a second run starts in seconds."""


def parse(args: Sequence[str], recipe: Recipe | None = None) -> Options:
    """The flags; defaults are those of the recipe for --arch and --dataset, if none is given."""

    def description(recipe: Recipe) -> str:
        return f"{__doc__}\n\nDefaults are those of {recipe.arch} on {recipe.dataset}."

    return recipe_flags.parse(
        Options, args, program=PROGRAM, description=description, recipe=recipe
    )


def with_batch_of_run(recipe: Recipe, workdir: str, args: Sequence[str]) -> Recipe:
    """The recipe with the batch size of the run that it resumes, where no flag gives one.

    An image folder's default follows its pictures (see `recipe_for`), which may have gone since;
    other defaults are the same at each start.
    """
    given = any(arg.replace("_", "-").startswith("--batch-size") for arg in args)
    if given or recipe.dataset != "image_folder" or not (Path(workdir) / "recipe.json").is_file():
        return recipe
    return replace(recipe, batch_size=RunFolder(workdir).read_recipe().batch_size)


def as_begun(recipe: Recipe, workdir: str, args: Sequence[str], command: str) -> Recipe:
    """The recipe with the defaults of the run in `workdir`, where the same command began it.

    More flags may have been put at its end. Defaults may have changed since: with the version, and
    those of pretrained weights with what can still be read of them.
    """
    if not (Path(workdir) / "recipe.json").is_file():
        return recipe
    folder = RunFolder(workdir)
    kept = folder.read_data()
    if kept is None or not f"{command} ".startswith(f"{kept.command} "):
        return recipe
    begun = folder.read_recipe()
    default = replace(recipe, **{name: getattr(begun, name) for name in DEFAULTED_FIELDS})
    return replace(parse(args, default).recipe, arch=recipe.arch)


def find_rate(recipe: Recipe, workdir: str, command: str, tell: Callable[[str], object]) -> None:
    """Tries learning rates, and says and writes what became of the loss."""
    from jaxcnn.train.rate_range import HIGHEST, LOWEST, rate_range
    from jaxcnn.train.rate_report import write_rate_report

    check(recipe)
    tell(f"trying learning rates from {LOWEST:g} to {HIGHEST:g}")
    with stop_on_signal() as stop:
        found = rate_range(recipe, stop, say=tell)
    end = "where the loss diverged" if found.diverged else "the highest that was tried"
    tell(
        f"lowest smoothed loss at {found.at_minimum:.2g}, steepest descent at "
        f"{found.steepest:.2g}; the last rate was {found.rates[-1]:.2g}, {end}"
    )
    if is_first():
        folder = Path(workdir) / "lr_find"
        write_rate_report(folder, recipe, found, command)
        tell(f"the curve is in {folder}: index.html, lr_find.png, lr_find.csv")
        rule = "a tenth of the rate at the lowest smoothed loss"
        say(f"suggested: --optim.lr={found.suggested:g}, {rule}", sys.stdout)


def main(args: Sequence[str] | None = None, *, own_process: bool = False) -> int:
    """Trains. In an `own_process` traced programs are kept (see `TraceCache`), and C++ writes to a
    file in the run's folder; where several run as one, `joined` reads it."""
    args = sys.argv[1:] if args is None else args

    @end_on_signal()
    def train() -> int:
        options = parse(args)
        profile = range(0) if options.profile is None else steps_to_profile(options.profile)
        if options.lr_find and (options.extend or options.profile or options.wandb):
            raise UserError("--lr-find trains no run; leave --extend, --profile and --wandb out")
        cli.set_up(compilation_cache=options.compilation_cache)
        # After the flags are known to be right: this import takes seconds.
        from jaxcnn.run.pretrained import of_its_weights
        from jaxcnn.train.fit import fit

        with joined(options.distributed, PROGRAM), ExitStack() as stack:
            tell = say if is_first() else lambda line: None
            recipe = of_its_weights(options.recipe, tell)
            if note := note_of_default(recipe):
                tell(note)
            dataset = re.sub("[:/]", "-", recipe.dataset)  # "tfds:coco/2014"
            workdir = expanded(options.workdir or f"runs/{recipe.arch}-{dataset}-s{recipe.seed}")
            if options.lr_find:
                find_rate(recipe, workdir, shlex.join([*PROGRAM.split(), *args]), tell)
                return cli.DONE
            recipe = with_batch_of_run(recipe, workdir, args)
            command = shlex.join([*PROGRAM.split(), *args])
            recipe = as_begun(recipe, workdir, args, command)
            extra: dict[str, Any] = {
                "extend": options.extend, "command": command, "profile": profile
            }  # fmt: skip
            cache = cache_folder()
            if own_process and options.compilation_cache and cache is not None:
                extra["trace_folder"] = cache / "traces"
            if own_process and not jax.distributed.is_initialized():
                stack.enter_context(native_messages_in(Path(workdir) / "xla.log"))
            if not options.compilation_cache:
                keep_no_compiled_programs()
            if options.wandb is not None and is_first():
                extra["callbacks"] = [wandb_log(options.wandb, recipe, workdir, say)]
            fit(recipe, workdir, **extra)
        return cli.DONE

    return leave(cli.run(PROGRAM, train))
