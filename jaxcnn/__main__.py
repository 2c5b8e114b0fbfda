"""python -m jaxcnn: lists the commands."""

import ast
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

PACKAGE = Path(__file__).parent


def commands() -> dict[str, str]:
    """What each command line is called and does: `PROGRAM` and the docstring of its module.

    The files are read, for importing them takes seconds.
    """
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        for statement in module.body:
            match statement:
                case ast.Assign([ast.Name("PROGRAM")], ast.Constant(str(program))):
                    summary = (ast.get_docstring(module) or "").partition("\n")[0]
                    if summary.startswith(program):
                        summary = summary.partition(": ")[2].capitalize()
                    found[program] = summary
    return found


def main(args: Sequence[str] | None = None) -> int:
    args = sys.argv[1:] if args is None else args
    known = commands()
    if not args or args[0] in ("-h", "--help"):
        width = max(map(len, known))
        for program, summary in known.items():
            print(f"{program:{width}}  {summary}")
        print("--help after any of them lists its flags.")
        return 0
    by_name = {program.rpartition(".")[2]: program for program in known}
    near = get_close_matches(args[0].rpartition(".")[2], by_name, n=1)
    right = f"did you mean {by_name[near[0]]}?" if near else "alone it lists the commands"
    print(f"python -m jaxcnn: {args[0]!r} is no command; {right}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
