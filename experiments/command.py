"""What the experiments' command lines share."""

import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from jaxcnn.command import cli

Options = TypeVar("Options")


def main(
    program: str,
    options: type[Options],
    experiment: Callable[[Options, Console], Table],
    description: str | None,
    args: Sequence[str] | None = None,
) -> int:
    """Runs an experiment by its flags, prints its table, and returns the exit status.

    Args:
        program: as it is typed.
        options: its flags, a dataclass.
        experiment: flags, where to show progress -> table.
        description: for --help.
        args: those typed, if not given.
    """
    args = sys.argv[1:] if args is None else args

    def run() -> int:
        chosen = cli.parse(options, args, program=program, description=description)
        cli.set_up(compilation_cache=True)
        Console().print(experiment(chosen, Console(stderr=True)))
        return cli.DONE

    return cli.run(program, run)
