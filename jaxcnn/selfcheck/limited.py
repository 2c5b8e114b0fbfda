"""Runs a command that the system ends after some seconds, whatever becomes of who started it.

python -m jaxcnn.selfcheck.limited SECONDS COMMAND...
"""

import os
import signal
import sys


def main() -> None:
    seconds, *command = sys.argv[1:]
    # The alarm stays when the process becomes another program, which it then ends.
    signal.alarm(int(seconds))
    os.execvp(command[0], command)


def limited(seconds: float, command: list[str]) -> list[str]:
    """The command line that runs `command` for so long at most."""
    return [sys.executable, "-m", "jaxcnn.selfcheck.limited", str(max(1, int(seconds))), *command]


if __name__ == "__main__":
    main()
