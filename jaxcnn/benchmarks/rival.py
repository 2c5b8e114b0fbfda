"""timm in a process of its own, driven line by line."""

import json
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from jaxcnn.benchmarks.workload import Workload
from jaxcnn.errors import UserError
from jaxcnn.launch import environment_of_others

SCRIPT = Path(__file__).parent / "torch_rival.py"
Form = Literal["eager", "torch.compile"]


class Rival:
    """`workload` in PyTorch under the interpreter `python`; a context manager.

    Attributes:
        form: whether the model is compiled.
        compile_failed: why it could not be; None where nothing failed.
        versions: of torch and timm.
        peak_bytes: the largest the process has been in memory; on a GPU the most of its memory.

    Raises UserError where that interpreter cannot run it.
    """

    def __init__(self, workload: Workload, python: str, form: Form = "eager") -> None:
        self.form: Form = form
        self.compile_failed: str | None = None
        try:
            self._process = subprocess.Popen(
                [python, str(SCRIPT), form],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                # As timm's users run it.
                env=environment_of_others(),
            )
        except OSError as error:
            raise UserError(f"--python={python} cannot be run: {error.strerror}") from error
        self._python = python
        self.peak_bytes = 0
        self.versions = self._ask(json.dumps(asdict(workload)))

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
            raise UserError(f"--python={self._python} could not run timm: {reason}")
        return json.loads(answer)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> "Rival":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
