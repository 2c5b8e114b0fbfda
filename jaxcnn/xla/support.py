"""What this machine's XLA can do: asked once, in a process that may die of it, and remembered.

XLA promises neither its flags nor its custom calls from one version to the next, and one that is
not there ends the process. So no version is named here: `jaxcnn.xla.probe` tries each once.
"""

import json
import os
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import jaxlib.version

from jaxcnn.files.cache_folder import cache_folder
from jaxcnn.files.whole import replacing
from jaxcnn.xla.cache import cpu_type
from jaxcnn.xla.flags import CPU_FLAGS

MATMUL, CONVOLUTION = "oneDNN's matrix product", "oneDNN's convolution"
ASKED = (*CPU_FLAGS, MATMUL, CONVOLUTION)
PROBE_SECONDS = 120


@cache
def supported() -> frozenset[str]:
    """Those of `ASKED` that work with this version of jaxlib on this CPU."""
    version = jaxlib.version.__version__
    folder = cache_folder()
    path = folder and folder / f"xla-{version}-{cpu_type()}-works.json"
    known = _read(path) if path else {}
    if missing := [name for name in ASKED if name not in known]:
        known |= _tried(missing)
        if path:
            _write(path, known)
    return frozenset(name for name in ASKED if known.get(name))


def unsupported() -> list[str]:
    """Those that do not: what speed rests on and this XLA lacks."""
    return [name for name in ASKED if name not in supported()]


def _tried(names: list[str]) -> dict[str, bool]:
    """Whether each works: in one process, and where that dies of one of them in one for each."""
    works = _worked(names)
    if works is None and len(names) > 1:
        return {name: bool(_worked([name])) for name in names}
    return {name: name in (works or ()) for name in names}


def _worked(names: list[str]) -> set[str] | None:
    """What worked of `names` in a process of their own; None if that died."""
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
    command = [sys.executable, "-m", "jaxcnn.xla.probe", *names]
    package = str(Path(__file__).parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [package, environment.get("PYTHONPATH")])
    )
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=PROBE_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    return set(json.loads(done.stdout.splitlines()[-1]))


def _read(path: Path) -> dict[str, bool]:
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(path: Path, known: dict[str, bool]) -> None:
    """Remembers it; where that cannot be, the next start asks again and nothing is lost."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as draft:
            draft.write_text(json.dumps(known, indent=1))
