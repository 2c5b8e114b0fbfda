"""jaxcnn COMMAND, or python -m jaxcnn COMMAND: runs a command, or lists them."""

import ast
import os
import runpy
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import jaxcnn

PACKAGE = Path(__file__).parent


def commands() -> dict[str, str]:
    """What each command line is called and does: `PROGRAM` and the docstring of its module.

    The files are read, for importing them takes seconds.
    """
    found = {}
    for path in sorted(PACKAGE.rglob("command.py")):
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
    """Returns the exit status, or ends by SystemExit as the command that `args` begin with does."""
    args = sys.argv[1:] if args is None else args
    if not args or args[0] in ("-h", "--help"):
        return _say(_list(commands()))
    name, *rest = args
    if name == "--version":
        return _say(f"jaxcnn {jaxcnn.__version__}")
    if _is_command(name):
        sys.argv[1:] = rest
        # As Python itself runs it after -m: what it does before its imports, it does first.
        runpy.run_module(f"jaxcnn.{name}", run_name="__main__", alter_sys=True)
        return 0
    known = [program.removeprefix("python -m jaxcnn.") for program in commands()]
    last_parts = {name.rpartition(".")[2]: name for name in known}
    near = get_close_matches(name.rpartition(".")[2], last_parts, n=1)
    right = f"did you mean {last_parts[near[0]]}?" if near else "alone it lists the commands"
    print(f"jaxcnn: {name!r} is no command; {right}", file=sys.stderr)
    return 2


def script() -> int:
    """The console script `jaxcnn`.

    Python looks for modules beside the script, not in the working directory. The processes that a
    command starts do the same.
    """
    os.environ["PYTHONSAFEPATH"] = "1"
    return main()


def _is_command(name: str) -> bool:
    parts = name.split(".")
    return all(part.isidentifier() for part in parts) and (
        PACKAGE.joinpath(*parts, "__main__.py").is_file()
    )


def _list(known: dict[str, str]) -> str:
    names = {program.removeprefix("python -m jaxcnn."): what for program, what in known.items()}
    width = max(map(len, names))
    return "\n".join(
        [
            "jaxcnn COMMAND, or python -m jaxcnn.COMMAND; --help after it lists its flags.",
            *(f"  {name:{width}}  {what}" for name, what in names.items()),
        ]
    )


def _say(text: str) -> int:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Whoever read it has enough of it. Python would say so of the rest, at its end.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
