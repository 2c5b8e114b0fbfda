"""Runs beside each other on the same images: figures with intervals, and what one sees that another
does not.

python -m jaxcnn.compare RUN RUN...
python -m jaxcnn.compare --output=comparison --no-baselines RUN RUN

RUN is a run's folder. Beside them stand what always says the most frequent class, and a linear
classifier, trained with its own defaults. Prints a table, and writes it with a page into a folder.
"""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from jaxcnn.command import cli
from jaxcnn.command.plugin_flag import Plugins, load_plugins
from jaxcnn.errors import UserError
from jaxcnn.text.lines import say

PROGRAM = "python -m jaxcnn.compare"


@dataclass(frozen=True)
class Options:
    runs: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Folders of runs; the first is what the others are compared with."""
    plugin: Plugins = ()
    split: Literal["val", "test"] = "val"
    """What to measure them on: validation, to choose by; test, for what was chosen."""
    data_dir: str | None = None
    """Where the data is now; where the runs had it if not given."""
    baselines: bool = True
    """Compare with the most frequent class and with a linear classifier too."""
    output: str = "comparison"
    """The folder for compare.md, compare.csv, index.html and the linear classifier's run."""
    compilation_cache: bool = True
    """Keep compiled programs in ~/.cache/jaxcnn, so that a second run starts in seconds."""


def main(args: Sequence[str] | None = None) -> int:
    args = sys.argv[1:] if args is None else args

    def compare() -> int:
        options = cli.parse(Options, args, program=PROGRAM, description=__doc__)
        load_plugins(options.plugin)
        if not options.runs:
            raise UserError("no run is given; name folders of runs, the first to compare with")
        if len(set(options.runs)) < len(options.runs):
            raise UserError("a run is there twice; name each once")
        if len(options.runs) == 1 and not options.baselines:
            raise UserError("one run alone is compared with nothing; name another")
        cli.set_up(compilation_cache=options.compilation_cache)
        # After the flags are known to be right: these imports take seconds.
        from jaxcnn.compare.outputs import FILES, PAGE, contents_of
        from jaxcnn.compare.runs import candidates_of
        from jaxcnn.comparison.comparison import comparison_of
        from jaxcnn.comparison.folder import OutputFolder
        from jaxcnn.comparison.tables import rich_tables

        output = OutputFolder(options.output, FILES, ["linear"])
        command = shlex.join([*PROGRAM.split(), *args])
        candidates = candidates_of(
            options.runs,
            split=options.split,
            data_dir=options.data_dir,
            linear_folder=output.path / "linear" if options.baselines else None,
            command=command,
            say=say,
        )
        comparison = comparison_of(candidates, options.split)
        output.write(contents_of(comparison, candidates, command))
        console = cli.console()
        for table in rich_tables(comparison):
            console.print(table)
        say(f"the page is {output.path / PAGE}")
        return cli.DONE

    return cli.run(PROGRAM, compare)
