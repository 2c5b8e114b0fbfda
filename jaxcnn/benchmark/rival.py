"""The same workload in a process of its own, driven line by line: in timm, or in plain Flax."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jaxcnn.benchmark.workload import Workload
from jaxcnn.errors import UserError
from jaxcnn.xla.flags import computes_on_cpu
from jaxcnn.xla.tf32 import allows_tf32

TORCH = Path(__file__).parent / "torch_rival.py"
FLAX = "jaxcnn.benchmark.flax_rival"
EAGER, COMPILED, PLAIN_FLAX = "eager", "torch.compile", "Flax Linen"


class Rival:
    """`workload` in the process of `command`; a context manager.

    Attributes:
        form: what runs it, in words.
        compile_failed: why it is not compiled; None where nothing failed.
        versions: of the libraries that run it.
        compile_seconds: until its first step was done.
        peak_bytes: the most memory that was in use: the process's, or on a GPU the device's.

    Raises UserError where that process cannot run it.
    """

    def __init__(
        self, workload: Workload, form: str, command: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        self.form = form
        self.compile_failed: str | None = None
        self._python = command[0]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
            )
        except OSError as error:
            raise UserError(f"--python={self._python} cannot be run: {error.strerror}") from error
        self.peak_bytes = 0
        ready = self._ask(json.dumps(asdict(workload)))
        self.versions = ready["versions"]
        self.compile_seconds = ready["compile_seconds"]

    def seconds(self, steps: int) -> list[float]:
        """Runs so many steps; the seconds of each."""
        answer = self._ask(str(steps))
        self.peak_bytes = answer["peak_bytes"]
        return answer["seconds"]

    def _ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout and self._process.stderr
        try:
            print(line, file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            lines = self._process.stderr.read().strip().splitlines()
            reason = lines[-1] if lines else "it ended without a word"
            self.close()
            raise UserError(f"--python={self._python} could not run {self.form}: {reason}")
        return json.loads(answer)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> "Rival":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def timm(workload: Workload, python: str, form: str) -> Rival:
    """timm under the interpreter `python`, `EAGER` or `COMPILED`, as its users run it.

    Where we compute on an accelerator it does so on a GPU, or is refused.
    """
    how = ["tf32" if allows_tf32() else "float32", "cpu" if computes_on_cpu() else "cuda"]
    return Rival(workload, form, [python, str(TORCH), form, *how], os.environ)


def plain_flax(workload: Workload) -> Rival:
    """Our model and step of Flax's own layers, in the environment of this process."""
    return Rival(workload, PLAIN_FLAX, [sys.executable, "-m", FLAX], os.environ)
