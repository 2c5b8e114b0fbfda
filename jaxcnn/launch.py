"""What a command line does before it imports anything that takes time."""

import os
import platform
import signal
import sys
from pathlib import Path

LARGE_PAGES = "glibc.malloc.hugetlb=1"
LARGE_PAGES_SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def restart_with_large_pages() -> None:
    """Has this process's memory in large pages, where Linux has them on request.

    XLA on CPU takes its temporary memory from the system anew at every step, and a large model's
    comes in hundreds of thousands of small pages: efficientnet_b0's training step at 224 pixels
    took 1.57 s with them, 1.22 s without. The allocator reads this setting when a process starts,
    so the process replaces itself by one that has it.
    """
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    if "glibc.malloc.hugetlb" not in tunables and _large_pages_on_request():
        os.environ["GLIBC_TUNABLES"] = ":".join(filter(None, [tunables, LARGE_PAGES]))
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _large_pages_on_request() -> bool:
    try:
        setting = LARGE_PAGES_SETTING.read_text()
    except OSError:
        return False
    return "[madvise]" in setting and platform.libc_ver()[0] == "glibc"


def end_on_signal_with_a_line(program: str) -> None:
    """Until something else is made of them, SIGTERM and Ctrl-C end the process with one line.

    The status is 0 after SIGTERM, as of a run that was asked to stop, and 1 after Ctrl-C. Not by an
    exception, which the module that is being imported might swallow.
    """

    def end(number: int, frame: object) -> None:
        line = f"{program}: stopped by {signal.Signals(number).name}, with nothing under way\n"
        os.write(sys.stderr.fileno(), line.encode())
        os._exit(0 if number == signal.SIGTERM else 1)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
