"""The command line of one claim."""

import sys
from collections.abc import Sequence

from rich.console import Console

from experiments.form import results
from experiments.form.claim import Claim, overall
from experiments.form.run import Options, run
from jaxcnn.command import cli
from jaxcnn.text.lines import say


def main(claim: Claim, description: str | None, args: Sequence[str] | None = None) -> int:
    """Runs the claim by its flags, says its answer, and returns the exit status."""
    args = sys.argv[1:] if args is None else args

    def command() -> int:
        options = cli.parse(Options, args, program=claim.command, description=description)
        cli.set_up(compilation_cache=True)
        answered(claim, options)
        return cli.DONE

    return cli.run(claim.command, command)


def answered(claim: Claim, options: Options) -> None:
    table, folder = run(claim, options, Console(stderr=True))
    parts = claim.answer(table)
    say(f"{claim.question} {overall(parts)}", sys.stdout)
    for part in parts:
        say(f"  {part}", sys.stdout)
    say(f"  {folder / results.PAGE}", sys.stdout)
