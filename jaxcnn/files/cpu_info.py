"""What the system says of its processor."""

import platform
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")


def cpu_info() -> list[str]:
    """Linux's lines on each core; empty elsewhere."""
    try:
        return CPU_INFO.read_text().splitlines()
    except OSError:
        return []


def cpu_model() -> str:
    """The processor's name, as its maker has it where the system tells."""
    lines = cpu_info()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
