"""Whether jaxcnn is right on this machine, and how fast: what to run first, and send with a bug.

python -m jaxcnn.selfcheck --output=selfcheck.json
python -m jaxcnn.selfcheck --full

Takes three minutes at most, --full nine. Ends with status 1 where something is wrong; what is right
and slower than it could be is said, and is no failure.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from rich.console import Console

from jaxcnn.command import cli
from jaxcnn.errors import UserError
from jaxcnn.text.lines import say_on

PROGRAM = "python -m jaxcnn.selfcheck"
MINUTES, FULL_MINUTES = 3.0, 9.0


@dataclass(frozen=True)
class Options:
    full: bool = False
    """Also beside plain Flax, and timm where this Python has torch and timm; and cold starts."""
    minutes: float | None = None
    """When to stop, what is not done by then being left out; 3, or 9 with --full."""
    output: str | None = None
    """File to write all that was found to, as JSON."""


def main(args: Sequence[str] | None = None) -> int:
    args = sys.argv[1:] if args is None else args

    def selfcheck() -> int:
        options = cli.parse(Options, args, program=PROGRAM, description=__doc__)
        check(options)
        cli.set_up(compilation_cache=False)
        from jaxcnn.selfcheck.everything import check_everything
        from jaxcnn.selfcheck.report import as_json, show

        progress = Console(stderr=True)
        found = check_everything(
            full=options.full,
            seconds=60 * (options.minutes or (FULL_MINUTES if options.full else MINUTES)),
            say=partial(say_on, progress),
        )
        if options.output is not None:
            cli.output_file(options.output).write_text(json.dumps(as_json(found), indent=2) + "\n")
        show(cli.console(), found)
        return cli.FAILED if any(answer.outcome.failures for answer in found) else cli.DONE

    return cli.run(PROGRAM, selfcheck)


def check(options: Options) -> None:
    if options.minutes is not None and options.minutes <= 0:
        raise UserError(f"--minutes={options.minutes} is out of range; it must be above 0")
    if options.output is not None:
        cli.output_file(options.output)
