"""Keeps the memory that XLA takes on a CPU, where the C library is glibc.

XLA takes a program's temporary memory from `malloc` at every step and gives it back; glibc hands as
much as that back to the system, which fills it with zeros anew, page by page. So here nothing is
handed back by the main thread's arena, and that arena lies in large pages, where Linux has them on
request. Other threads' large blocks are the system's whatever is set: a step has to run in the
thread that calls it, see `jaxcnn.xla.set_up`.
"""

import ctypes
import os
from functools import cache
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from pathlib import Path

LARGE_PAGES_SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")
LARGE_PAGE_BYTES = 2**21
# Of malloc.h and of Linux's mman.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX, M_ARENA_MAX = -1, -2, -4, -8
MADV_HUGEPAGE = 14
# What the arena grows by where it is full.
GROWTH_BYTES = 2**26
# Threads that come and go, as those that write a checkpoint do, would spread what they leave behind
# over eight arenas a core, and a long run's memory would grow for hours. The price is compilation,
# whose threads wait for each other: efficientnet_b0's takes an eighth longer with four arenas than
# with any number, and two fifths longer with one.
ARENAS = 4


@cache
def keep_memory() -> None:
    """Has this process keep what it once had of memory, for its whole life.

    The most that its main thread used at a time stays its own. Does nothing where the C library
    is another, or $GLIBC_TUNABLES has settings of the user's.
    """
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version") or "malloc" in _tunables():
        return
    library.mallopt(M_ARENA_MAX, ARENAS)
    library.mallopt(M_MMAP_MAX, 0)
    library.mallopt(M_TRIM_THRESHOLD, -1)
    library.mallopt(M_TOP_PAD, GROWTH_BYTES)
    if _large_pages_on_request():
        _lay_in_large_pages(library)


def _lay_in_large_pages(library: ctypes.CDLL) -> None:
    """Addresses for as much as the machine has, in the arena; memory comes when it is used."""
    library.malloc.restype = ctypes.c_void_p
    library.malloc.argtypes = [ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    library.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # Asked before: a thread whose arena was refused what it wanted takes to another.
    while not _promised(size + 2 * GROWTH_BYTES):
        size //= 2
    address = library.malloc(size)
    if address is None:
        return
    start = -(-address // LARGE_PAGE_BYTES) * LARGE_PAGE_BYTES
    end = (address + size) // LARGE_PAGE_BYTES * LARGE_PAGE_BYTES
    library.madvise(start, end - start, MADV_HUGEPAGE)
    library.free(address)


def _promised(size: int) -> bool:
    """Whether the system would give so many bytes; it may promise less than there is."""
    try:
        mmap(-1, size, MAP_PRIVATE | MAP_ANONYMOUS).close()
    except OSError:
        return False
    return True


def _tunables() -> str:
    return os.environ.get("GLIBC_TUNABLES", "")


def _large_pages_on_request() -> bool:
    try:
        setting = LARGE_PAGES_SETTING.read_text()
    except OSError:
        return False
    return "[madvise]" in setting
