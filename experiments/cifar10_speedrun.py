"""In how many epochs, and seconds of training, is CIFAR-10 learned to 0.90 and to 0.94?

    python -m experiments.cifar10_speedrun --data-dir=DIR

airbench's recipe (Jordan, 2024, https://arxiv.org/abs/2404.00498), trained for several lengths,
each with a schedule of its own that ends at zero: an accuracy is reached at the end of a schedule,
not on the way. Top-1 of the test split, of each image and its mirror image, by the checkpoint that
validated best; seconds are those of training steps, compilation and evaluation left aside. On a
GPU `--precision=bfloat16` is the source's half precision, and the set lies there; on two CPU cores
`--progressive-size=16 --batch-size=500` begins with smaller images and takes more steps.

Not yet run as a whole. One length and seed on two cores of an AMD EPYC, jax 0.12, CIFAR-10 (JPEG
copy), the cores shared with tests for some minutes: `--epochs=8 --batch-size=500
--progressive-size=16` by jaxcnn.train, without mirror images: test top-1 0.8831 after 1,205 s, and
0.8894 by jaxcnn.evaluate with `--tta=flip`. So 0.94 in 20 minutes is not reached there; its last
epochs, on images of 32 pixels, trained on 208 and 193 a second.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from experiments import command
from jaxcnn.recipe import Recipe, recipe_for
from jaxcnn.run.folder import RunFolder
from jaxcnn.sweeps import Estimate, estimate, sweep

PROGRAM = "python -m experiments.cifar10_speedrun"
TARGETS = (0.90, 0.94)
STAGES = 5  # Of growing images.


@dataclass(frozen=True)
class Options:
    data_dir: str | None = None
    """TFDS directory; $JAXCNN_DATA_DIR, else TFDS's own default."""
    epochs: tuple[int, ...] = (4, 6, 9, 12)
    """The lengths of runs."""
    seeds: int = 5
    """Runs of each length."""
    batch_size: int = 2000
    """Examples a step; for others than the source's the rates change by the root of their ratio."""
    progressive_size: int | None = None
    """Image size that training begins with; 32 throughout if not given."""
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    """Compute type."""
    workdir: str = "runs/cifar10_speedrun"
    """Where the runs are kept; what is done there is not done again."""


def recipe(options: Options, epochs: int) -> Recipe:
    published = recipe_for("airbench94", "cifar10", recipe="airbench94")
    optim, ratio = published.optim, (options.batch_size / published.batch_size) ** 0.5
    return replace(
        published,
        data_dir=options.data_dir,
        epochs=epochs,
        batch_size=options.batch_size,
        optim=replace(optim, lr=ratio * optim.lr, adam_lr=ratio * optim.adam_lr),
        precision=options.precision,
        resize="interpolate",
        augment=replace(
            published.augment, progressive_size=options.progressive_size, progressive_stages=STAGES
        ),
    )


def training_seconds(folder: Path, batch_size: int) -> float:
    """What a run's steps took, by the rate of each epoch."""
    seconds, before = 0.0, 0
    for line in RunFolder(folder).read_metrics():
        # An epoch of one step, which compiled, has no rate.
        seconds += (
            (line["step"] - before) * batch_size / (line["images_per_second"] or float("inf"))
        )
        before = line["step"]
    return seconds


def experiment(options: Options, console: Console) -> Table:
    recipes = {str(epochs): recipe(options, epochs) for epochs in options.epochs}
    seeds = range(options.seeds)
    runs = sweep(recipes, seeds, options.workdir, console=console)
    table = Table("epochs", title="mean ± 95% interval; std")
    for column in ("test top-1", "seconds of training"):
        table.add_column(column, no_wrap=True)
    means = {}
    for name, summaries in runs.items():
        top1 = estimate(summaries, "test", "top1")
        folders = (Path(options.workdir) / name / f"s{seed}" for seed in seeds)
        seconds = Estimate(
            tuple(training_seconds(folder, recipes[name].batch_size) for folder in folders)
        )
        table.add_row(
            name,
            f"{top1.mean:.4f} ± {top1.interval95:.4f}; {top1.std:.4f}",
            f"{seconds.mean:.1f} ± {seconds.interval95:.1f}; {seconds.std:.1f}",
        )
        means[name] = top1.mean
    table.caption = "; ".join(reached(target, means) for target in TARGETS)
    return table


def reached(target: float, means: Mapping[str, float]) -> str:
    """The first length of which the mean is `target` or more, in words."""
    first = next((name for name, mean in means.items() if mean >= target), None)
    return f"{target:.2f} is not reached" if first is None else f"{target:.2f} in {first} epochs"


main = partial(command.main, PROGRAM, Options, experiment, __doc__)


if __name__ == "__main__":
    sys.exit(main())
