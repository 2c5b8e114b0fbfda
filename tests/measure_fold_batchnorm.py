"""Inference with BatchNorm folded into convolutions against inference as it is, in turns.

python -m tests.measure_fold_batchnorm --arch=efficientnet_b0
"""

import statistics
import sys
import time
from dataclasses import dataclass

import jax
import numpy as np

from jaxcnn import cli
from jaxcnn.models import create_model, model_spec
from jaxcnn.models.fold_batchnorm import fold_batchnorm
from jaxcnn.models.spec import Variables, init_variables

PROGRAM = "python -m tests.measure_fold_batchnorm"


@dataclass(frozen=True)
class Options:
    arch: str = "efficientnet_b0"
    batch_size: int = 16
    rounds: int = 50


def main() -> int:
    def measure() -> int:
        options = cli.parse(Options, sys.argv[1:], program=PROGRAM, description=__doc__)
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

        def seconds(variables: Variables) -> float:
            start = time.perf_counter()
            jax.block_until_ready(logits(variables, images))
            return time.perf_counter() - start

        ratios = [seconds(variables) / seconds(folded) for _ in range(options.rounds)]
        print(
            f"{options.arch}: {statistics.median(ratios):.2f} times as fast "
            f"({min(ratios):.2f} to {max(ratios):.2f} in {options.rounds} rounds), "
            f"folded in {fold_seconds:.1f} s, logits differ by {difference:.0e}"
        )
        return cli.DONE

    return cli.run(PROGRAM, measure)


if __name__ == "__main__":
    cli.start(main)
