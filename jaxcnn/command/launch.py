"""What a command line does before it imports anything that takes time."""

import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from jaxcnn.processes.signals import STOPPING, ends_well, to_be_taken

# What runs the command that is named first.
COMMANDS = "jaxcnn.__main__"


def is_own_process() -> bool:
    """Whether Python was started for the command that asks: by `python -m`, or by the script.

    Not where a program (`runpy`), a notebook (`%run -m`) or a debugger (`python -m pdb -m`) runs
    it, which goes on afterwards.
    """
    command, *callers = _modules_on_the_stack()
    return command == "__main__" and all(caller == "runpy" for caller in callers)


def leave_working_directory_out() -> None:
    """Has `python -m jaxcnn.COMMAND` find modules where they are installed.

    Python looks in the working directory first, and a `torch.py` beside somebody's weights would
    run. To be called while Python still looks for the command. Left as it is where jaxcnn itself
    lies there (a checkout). The processes that the command starts do the same.
    """
    if not any(map(_names_a_command, sys.orig_argv, [*sys.orig_argv[1:], ""])):
        return
    with suppress(OSError):  # The folder may be gone.
        if os.path.samefile(os.getcwd(), Path(__file__).parents[2]):
            return
    if not sys.flags.safe_path:
        del sys.path[0]
    os.environ["PYTHONSAFEPATH"] = "1"


def _names_a_command(option: str, value: str) -> bool:
    # `-m jaxcnn.train`, or in one as `-mjaxcnn.train`; other options may stand before the m.
    found = re.fullmatch(r"-[A-Za-z]*?m(jaxcnn\b.*)?", option)
    return found is not None and (found[1] or value).split(".")[0] == "jaxcnn"


def _modules_on_the_stack() -> Iterator[str]:
    """From the innermost, without jaxcnn's; but a command's own module is __main__.

    Nor is there the console script, which is __main__ too and does nothing but call ours.
    """
    frame, called = sys._getframe(), ""
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        spec = frame.f_globals.get("__spec__")
        if spec is not None and spec.name == COMMANDS:
            name = COMMANDS  # `python -m jaxcnn train`
        is_script = name == "__main__" and called == COMMANDS
        if not name.startswith("jaxcnn.") and not is_script:
            yield name
        frame, called = frame.f_back, name


def end_on_signal_with_a_line(program: str) -> None:
    """Until something else is made of it, a signal to stop ends the process with one line.

    The status is 1 after Ctrl-C and else 0, as of a run that was asked to stop. Not by an
    exception, which the module that is being imported might swallow.
    """

    def end(number: int, frame: object) -> None:
        line = f"{program}: stopped by {signal.Signals(number).name}, with nothing under way\n"
        with suppress(OSError):  # Its terminal may be gone.
            os.write(sys.stderr.fileno(), line.encode())
        os._exit(0 if ends_well(number) else 1)

    for number in filter(to_be_taken, STOPPING):
        signal.signal(number, end)
