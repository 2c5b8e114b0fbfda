"""python -m jaxcnn.soup RUN RUN --output=DIR: averages the weights of runs, chosen by validation.

Runs of one architecture that began from the same weights, those that were fine-tuned from one
source above all. The folder is a run's to other commands: evaluate --workdir=DIR, --pretrained=DIR,
--distill=DIR. The test split is not opened. Prints JSON.
"""

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from jaxcnn.command import cli
from jaxcnn.command.plugin_flag import Plugins, load_plugins
from jaxcnn.errors import UserError
from jaxcnn.files import strict_json
from jaxcnn.text.lines import say

PROGRAM = "python -m jaxcnn.soup"


@dataclass(frozen=True)
class Options:
    runs: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Folders of two runs or more."""
    output: str
    """The folder that the average is written to; it may not be there yet."""
    average: Literal["greedy", "uniform"] = "greedy"
    """Greedy: of the runs that make it no worse in validation, the best first; uniform: of all."""
    data_dir: str | None = None
    """Where the data is now, if not where the runs had it."""
    plugin: Plugins = ()
    compilation_cache: bool = True
    """Keep compiled programs in ~/.cache/jaxcnn, so that a second run starts in seconds."""


def main(args: Sequence[str] | None = None) -> int:
    args = sys.argv[1:] if args is None else args

    def soup() -> int:
        options = cli.parse(Options, args, program=PROGRAM, description=__doc__)
        check(options)
        load_plugins(options.plugin)
        os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
        cli.set_up(compilation_cache=options.compilation_cache)
        # After the flags are known to be right: this import takes seconds.
        from jaxcnn.soup.cook import cook

        printed = cook(
            options.runs,
            options.output,
            average=options.average,
            data_dir=options.data_dir,
            command=shlex.join([*PROGRAM.split(), *args]),
            say=say,
        )
        print(strict_json.dumps(printed, indent=2))
        return cli.DONE

    return cli.run(PROGRAM, soup)


def check(options: Options) -> None:
    """Raises UserError for fewer than two runs, one that is named twice, and a folder in use."""
    if len(options.runs) < 2:
        raise UserError("an average takes two runs or more; name their folders")
    paths = [os.path.realpath(os.path.expanduser(run)) for run in options.runs]
    if twice := [
        run for run, path in zip(options.runs, paths, strict=True) if paths.count(path) > 1
    ]:
        raise UserError(f"{twice[0]} is named twice")
    output = os.path.expanduser(options.output)
    if os.path.lexists(output) and not (os.path.isdir(output) and not os.listdir(output)):
        raise UserError(f"--output={options.output} is there already; give a new folder")
