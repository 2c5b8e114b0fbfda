"""python -m jaxcnn.evaluate --workdir=DIR: a run's best checkpoint on one split, as JSON."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from jaxcnn import cli

PROGRAM = "python -m jaxcnn.evaluate"


@dataclass(frozen=True)
class Options:
    workdir: str
    """The run's folder."""
    split: Literal["train", "val", "test"] = "test"
    """What to evaluate on."""
    data_dir: str | None = None
    """TFDS directory; where the run had it if not given."""
    compilation_cache: bool = True
    """Keep compiled programs in ~/.cache/jaxcnn, so that a second run starts in seconds."""


def main(args: Sequence[str] | None = None) -> int:
    args = sys.argv[1:] if args is None else args

    def evaluate() -> int:
        options = cli.parse(Options, args, program=PROGRAM, description=__doc__)
        cli.set_up(compilation_cache=options.compilation_cache)
        # After the flags are known to be right: this import takes seconds.
        from jaxcnn.evaluation import evaluate_run

        figures = evaluate_run(options.workdir, split=options.split, data_dir=options.data_dir)
        print(json.dumps(figures, indent=2))
        return cli.DONE

    return cli.run(PROGRAM, evaluate)


if __name__ == "__main__":
    sys.exit(main())
