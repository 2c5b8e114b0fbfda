"""The most memory that this process has had. Needs no jaxcnn: torch_rival.py asks for it too."""

import sys


def peak_bytes() -> int:
    """The largest this process has been in memory."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
