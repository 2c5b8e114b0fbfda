"""What the command lines share: parsing with one-line errors, set-up, exit status."""

import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from traceback import format_exception
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import tyro

from jaxcnn.command.launch import is_own_process
from jaxcnn.errors import Interrupted, RunError, UserError
from jaxcnn.files.paths import expanded
from jaxcnn.processes.lost_reader import is_lost, open_what_is_closed, while_it_is_read
from jaxcnn.processes.signals import ends_well
from jaxcnn.processes.stopping import StopRequested, left_in_background
from jaxcnn.text.lines import say
from jaxcnn.text.phrases import printable_lines
from jaxcnn.xla.allocator import keep_memory
from jaxcnn.xla.device_errors import no_device, out_of_memory

if TYPE_CHECKING:
    from rich.console import Console


T = TypeVar("T")

DONE, FAILED, WRONG_INPUT = 0, 1, 2


def start(main: Callable[[], int]) -> NoReturn:
    """Runs a command line, and ends Python, or the part of a program that asked for it."""
    own = is_own_process()
    if own:
        open_what_is_closed()
        sys.stderr = while_it_is_read(sys.stderr)
        # A name that cannot be shown is no reason to end.
        cast(io.TextIOWrapper, sys.stdout).reconfigure(errors="replace")
    keep_memory()
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:
        if not (own and is_lost(sys.stdout)):
            raise
        # Whoever read it has enough of it. Python would say so of the rest, at its end.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        status = FAILED
    if own and left_in_background():
        # Python would wait for the compiler, or tear down what it works with.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def run(program: str, command: Callable[[], int]) -> int:
    """Runs `command` and returns the exit status; what stops it is one line, no traceback."""
    try:
        return command()
    except UserError as error:
        say(f"{program}: {error}")
        return WRONG_INPUT
    except RunError as error:
        say(f"{program}: {error}")
        return FAILED
    except PermissionError as error:
        reason = f"{error.filename}: {error.strerror}; ask for permission, or give another place"
        say(f"{program}: {reason}")
        return WRONG_INPUT
    except (RuntimeError, AssertionError) as error:
        reason = no_device(error) or out_of_memory(error)
        if reason is None:
            raise
        say(f"{program}: {reason}")
        return WRONG_INPUT
    except Interrupted as stopped:
        say(f"{program}: {stopped}")
        return DONE if ends_well(stopped.signal_number) else FAILED
    except StopRequested as stopped:
        say(f"{program}: stopped before it began")
        return DONE if ends_well(stopped.signal_number) else FAILED


def parse(
    config: type[T],
    args: Sequence[str],
    *,
    program: str,
    description: str | None,
    default: T | None = None,
) -> T:
    """Flags -> an instance of the dataclass `config`. Raises UserError for a wrong flag or value.

    `--help` prints and exits with status 0.
    """
    errors = io.StringIO()
    command_line = partial(tyro.cli, config, args=args, prog=program, description=description)
    try:
        with redirect_stderr(errors):
            return command_line() if default is None else command_line(default=default)
    except SystemExit as end:
        if end.code == 0:
            raise
        _, question = _meant(config, args, default)
        message = _one_line(errors.getvalue()).removesuffix(".")
        raise UserError(f"{message}{question} (--help lists the flags)") from end


def _one_line(box: str) -> str:
    """tyro's message without the title and the frame, drawn in lines or in dashes, around it."""
    text = "\n".join(line.strip("╭╮╰╯│ ") for line in box.splitlines())
    _, message, *_ = (" ".join(part.split()) for part in re.split(r"[─-]{3,}", text))
    return message


def _meant(config: type[T], args: Sequence[str], default: T | None) -> tuple[list[str], str]:
    """The flags given that `config` does not have; and a question after the nearest that it has.

    Of a flag in a group the last part is near too: --lr is near to --optim.lr.
    """
    flags = _flags(config, default)
    by_name = {flag.rpartition(".")[2].lstrip("-"): flag for flag in flags}
    by_name |= {flag.lstrip("-"): flag for flag in flags}
    given = (arg.partition("=")[0] for arg in args if arg.startswith("--") and arg != "--")
    unknown = [name for name in given if name.replace("_", "-") not in flags]
    near = (get_close_matches(name.replace("_", "-").lstrip("-"), by_name, n=1) for name in unknown)
    meant = dict.fromkeys(by_name[names[0]] for names in near if names)
    return unknown, f"; did you mean {', '.join(meant)}?" if meant else ""


def unknown_flags(options: object, args: Sequence[str]) -> str:
    """Which of the flags given are none of the dataclass's that `options` is of, and what may have
    been meant; empty if they all are."""
    unknown, question = _meant(type(options), args, options)
    return f"no flag is called {', '.join(unknown)}{question}" if unknown else ""


def _flags(config: type[T], default: T | None) -> list[str]:
    """All flags of `config`. tyro's help has them too, but its looks are the terminal's; in what
    completes a command line for a shell each stands in quotation marks."""
    text = io.StringIO()
    of_default: Any = {} if default is None else {"default": default}
    with suppress(SystemExit), redirect_stdout(text):
        tyro.cli(config, args=["--tyro-print-completion", "bash"], prog="jaxcnn", **of_default)
    return sorted(set(re.findall(r"""(?<=['"])--[\w.-]+(?=['"])""", text.getvalue())))


def output_file(output: str, *, flag: str = "output") -> Path:
    """The file of --output, which need not be there. Raises UserError for one that cannot be.

    `flag` is what the flag is called where that is not --output.
    """
    path = Path(expanded(output))
    if not path.absolute().parent.is_dir():
        raise UserError(f"--{flag}={output}: its folder does not exist")
    if path.is_dir():
        raise UserError(f"--{flag}={output} is a folder; give a file")
    return path


def check_image_size(image_size: int | None) -> None:
    """Raises UserError for a size in pixels that no image has."""
    if image_size is not None and image_size < 1:
        raise UserError(f"--image-size={image_size} is out of range; it must be above 0")


def check_model_source(workdir: str | None, arch: str | None, pretrained: str | None) -> None:
    """Raises UserError unless a run or published weights are given, and not both."""
    if {arch is not None, pretrained is not None} != {workdir is None}:
        raise UserError("give either --workdir=DIR, or --arch=NAME and --pretrained=SOURCE")


def console() -> "Console":
    """For tables: wide where the output is a file, so that no name is cut."""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=200)


def set_up(*, compilation_cache: bool, cross_compiles: bool = False) -> None:
    """Process-wide settings of a command line; the library makes those of `jaxcnn.set_up` only.

    With `compilation_cache`, compiled programs are kept in $XDG_CACHE_HOME/jaxcnn (~/.cache), so
    that the next run of the same program starts in seconds. It `cross_compiles` if its programs
    are for another machine's accelerators.
    """
    from absl import flags, logging

    from jaxcnn.xla.cache import keep_compiled_programs
    from jaxcnn.xla.flags import computes_on_cpu
    from jaxcnn.xla.set_up import choose_platforms, set_up_cpu

    if not cross_compiles:
        if idle := choose_platforms():
            say(idle)
        if computes_on_cpu():
            set_up_cpu()
    # Grain reads an absl flag, which fails in a program that does not parse absl flags.
    flags.FLAGS.mark_as_parsed()
    # What fails is said in one line by the command; Orbax would show a traceback too.
    logging.set_verbosity(logging.FATAL)
    # A bad picture is refused by name, in one line; its decoders need not speak of it too.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    warnings.filterwarnings("ignore", message="Image size", module="PIL")
    sys.excepthook = _without_closed_loops
    # Python's watcher of shared memory frees what was on its way from a worker when a run stops; it
    # need not say so. It is a process of its own, and is started with these.
    sys.warnoptions.append("ignore:resource_tracker:UserWarning")
    if compilation_cache and (unsafe := keep_compiled_programs()):
        say(unsafe)


def _without_closed_loops(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """After a save that failed, threads of TensorStore report to the event loop that Orbax closed.

    Python prints a traceback for each write; what failed, the command says in one line.
    """
    if not (isinstance(error, RuntimeError) and str(error) == "Event loop is closed"):
        sys.stderr.write(printable_lines("".join(format_exception(kind, error, trace))))
