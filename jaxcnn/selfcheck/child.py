"""Answers one question in a process of its own: a device may take one process at a time.

python -m jaxcnn.selfcheck.child NAME ARGUMENTS, both of `ask`; prints the outcome as JSON.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module

from jaxcnn.command import cli
from jaxcnn.selfcheck.outcome import Outcome

QUESTIONS = {
    "machine": "jaxcnn.selfcheck.machine:check_machine",
    "precision": "jaxcnn.selfcheck.precision:check_precision",
    "parity": "jaxcnn.selfcheck.parity:check_parity",
    "equal runs": "jaxcnn.selfcheck.equal:check_equal",
    "peak": "jaxcnn.selfcheck.peak:check_peak",
    "input": "jaxcnn.selfcheck.input:check_input",
    "small": "jaxcnn.selfcheck.small:check_small",
}


def main() -> int:
    name, arguments = sys.argv[1:]
    cli.set_up(compilation_cache=False)
    module, _, function = QUESTIONS[name].partition(":")
    question: Callable[..., Outcome] = getattr(import_module(module), function)
    print(json.dumps(asdict(question(**json.loads(arguments)))), flush=True)
    return cli.DONE


if __name__ == "__main__":
    cli.start(main)
