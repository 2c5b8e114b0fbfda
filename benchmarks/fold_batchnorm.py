"""Inference with BatchNorm folded into convolutions against inference as it is, in turns.

python -m benchmarks.fold_batchnorm --arch=efficientnet_b0
"""

import statistics
import sys
import time
from dataclasses import dataclass
from functools import partial

import jax
import numpy as np

from jaxcnn.benchmark.contest import time_in_turns
from jaxcnn.command import cli
from jaxcnn.errors import UserError
from jaxcnn.models import create_model, model_spec
from jaxcnn.models.spec import Variables, init_variables
from jaxcnn.models.tools.fold_batchnorm import fold_batchnorm

PROGRAM = "python -m benchmarks.fold_batchnorm"


@dataclass(frozen=True)
class Options:
    arch: str = "efficientnet_b0"
    """Model, at its own image size."""
    batch_size: int = 16
    """Images at a time."""
    rounds: int = 7
    """Turns of each."""


def main() -> int:
    def measure() -> int:
        options = cli.parse(Options, sys.argv[1:], program=PROGRAM, description=__doc__)
        for flag, value in (("batch-size", options.batch_size), ("rounds", options.rounds)):
            if value < 1:
                raise UserError(f"--{flag}={value} is out of range; it must be above 0")
        cli.set_up(compilation_cache=False)
        spec = model_spec(options.arch)
        model = create_model(options.arch)
        size = (spec.image_size, spec.image_size)
        key = jax.random.key(0)
        variables = jax.jit(lambda: init_variables(model, key, size, spec.channels))()
        images = jax.random.normal(key, (options.batch_size, *size, spec.channels))
        start = time.perf_counter()
        folded = jax.block_until_ready(fold_batchnorm(model, variables, images))
        fold_seconds = time.perf_counter() - start
        logits = jax.jit(model.apply)
        plain, faster = logits(variables, images), logits(folded, images)
        difference = np.abs(faster - plain).max() / np.abs(plain).max()

        def seconds(variables: Variables, steps: int) -> list[float]:
            each = []
            for _ in range(steps):
                start = time.perf_counter()
                jax.block_until_ready(logits(variables, images))
                each.append(time.perf_counter() - start)
            return each

        runners = [partial(seconds, variables), partial(seconds, folded)]
        before, after = time_in_turns(runners, options.rounds)
        ratios = [b / a for b, a in zip(before, after, strict=True)]
        print(
            f"{options.arch}: {statistics.median(ratios):.2f} times as fast "
            f"({min(ratios):.2f} to {max(ratios):.2f} in {options.rounds} rounds), "
            f"folded in {fold_seconds:.1f} s, logits differ by {difference:.0e}"
        )
        return cli.DONE

    return cli.run(PROGRAM, measure)


if __name__ == "__main__":
    cli.start(main)
