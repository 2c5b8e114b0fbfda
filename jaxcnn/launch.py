"""What a command line does before it imports anything that takes time."""

import os
import platform
import signal
import sys
from pathlib import Path

LARGE_PAGES = "glibc.malloc.hugetlb=1"
LARGE_PAGES_SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")
FEW_ARENAS = "glibc.malloc.arena_max=4"


def restart_with_malloc_settings() -> None:
    """Has this process's memory in large pages and in few arenas, where the C library is glibc.

    Large pages, where Linux has them on request: XLA on CPU takes its temporary memory from the
    system anew at every step, and a large model's comes in hundreds of thousands of small pages:
    efficientnet_b0's training step at 224 pixels took 1.57 s with them, 1.22 s without.

    Few arenas: threads that come and go, as those that write a checkpoint do, would spread what
    they leave behind over eight arenas a core, and a long run's memory would grow for hours. The
    price is compilation, whose threads wait for each other: efficientnet_b0's takes an eighth
    longer with four arenas. With one, training itself went at three quarters of its speed.

    The allocator reads these settings when a process starts, so the process replaces itself by one
    that has them. A setting of the user's own is kept.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    wanted = [FEW_ARENAS, LARGE_PAGES] if _large_pages_on_request() else [FEW_ARENAS]
    missing = [setting for setting in wanted if setting.partition("=")[0] not in tunables]
    if missing:
        os.environ["GLIBC_TUNABLES"] = ":".join(filter(None, [tunables, *missing]))
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def environment_of_others() -> dict[str, str]:
    """The environment for another's program: without what `restart_with_malloc_settings` added."""
    given = os.environ.get("GLIBC_TUNABLES", "").split(":")
    tunables = [setting for setting in given if setting not in (FEW_ARENAS, LARGE_PAGES)]
    return {**os.environ, "GLIBC_TUNABLES": ":".join(tunables)}


def _large_pages_on_request() -> bool:
    try:
        setting = LARGE_PAGES_SETTING.read_text()
    except OSError:
        return False
    return "[madvise]" in setting


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
