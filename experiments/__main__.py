"""The claims of the field's history, as they are run and measured.

python -m experiments                          lists them with their answers
python -m experiments --all --data-dir=DIR     runs those that are not done
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from experiments.form import command, page, results
from experiments.form.catalogue import BESIDE, NOT_WRITTEN, claims, first_line
from experiments.form.claim import overall
from experiments.form.run import HERE, Options
from jaxcnn.command import cli
from jaxcnn.errors import RunError
from jaxcnn.text.lines import say

PROGRAM = "python -m experiments"


@dataclass(frozen=True)
class AllOptions(Options):
    all: bool = False
    """Run, one after the other, those that have no results yet; with --quick all of them."""


def main(args: Sequence[str] | None = None) -> int:
    args = sys.argv[1:] if args is None else args

    def run() -> int:
        options = cli.parse(AllOptions, args, program=PROGRAM, description=__doc__)
        if not options.all:
            cli.console().print(listed())
            return cli.DONE
        cli.set_up(compilation_cache=True)
        failed = []
        for claim in claims().values():
            if options.quick or results.read(HERE / results.FOLDER / claim.name) is None:
                try:
                    command.answered(claim, options)
                except RunError as error:  # Of a loss that is not finite perhaps; others go on.
                    failed.append(f"{claim.name}: {error}")
        if not options.quick:
            page.PAGE.write_text(page.text())
            say(f"{page.PAGE} has all of them", sys.stdout)
        if failed:
            raise RunError("; ".join(failed))
        return cli.DONE

    return cli.run(PROGRAM, run)


def listed() -> Table:
    table = Table("claim", "experiment", "question", "answer")
    rows = [(number, "", question, "not yet run") for number, (question, _) in NOT_WRITTEN.items()]
    for name, claim in claims().items():
        found = results.read(HERE / results.FOLDER / name)
        answer = "not yet run" if found is None else overall(claim.answer(found[0]))
        rows.append((claim.number, name, claim.question, answer))
    for number, *cells in sorted(rows):
        table.add_row(str(number), *cells)
    for name in BESIDE:
        table.add_row("", name, first_line(name), "in its file")
    return table


if __name__ == "__main__":
    cli.start(main)
