"""What memory the input pipeline takes over an epoch of a set as long as ImageNet.

    python -m benchmarks.memory

Prepares 1.3 million small pictures as `jaxcnn.data.prepare` would, reads them as a training run
does, across the end of an epoch, and prints the memory of all its processes as it goes; pages that
processes share count once. Growth is from the second fifth of the batches (the first is warm-up) to
the last, each by its highest value.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from jaxcnn.command import cli
from jaxcnn.data.prepare.listing import Listing, Split
from jaxcnn.data.prepare.preparation import prepare_listing
from jaxcnn.engine.feed import Feed
from jaxcnn.errors import UserError
from jaxcnn.recipe import Recipe

PROGRAM = "python -m benchmarks.memory"
PICTURES, CLASSES, SIDE = 1000, 10, 32
MEASUREMENTS = 20


@dataclass(frozen=True)
class Options:
    examples: int = 1_300_000
    """Training examples, of 1,000 different pictures."""
    batches: int = 20_000
    """Batches read."""
    batch_size: int = 64
    """Examples in each."""
    workers: tuple[int, ...] = (0, 2)
    """Worker processes, one measurement each."""
    data_dir: str | None = None
    """Where the set is written, and left; without, to a temporary folder."""


def prepare(data_dir: Path, examples: int) -> None:
    """The set "many": so many training examples, and as validation and test every picture once."""
    if (data_dir / "many").exists():
        return
    rng, paths = np.random.default_rng(0), []
    for number in range(PICTURES):
        paths.append(data_dir / "pictures" / f"{number}.jpg")
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(256, size=(4, 4, 3), dtype=np.uint8)
        cv2.imwrite(str(paths[-1]), cv2.resize(coarse, (SIDE, SIDE)))

    def split(count: int) -> Split:
        return Split(
            [paths[index % PICTURES] for index in range(count)],
            lambda index: {"label": [index % CLASSES], "file_name": f"{index}".encode()},
        )

    counts = {"train": examples, "validation": PICTURES, "test": PICTURES}
    listing = Listing(
        tuple(map(str, range(CLASSES))),
        {name: split(count) for name, count in counts.items()},
        has_objects=False,
    )
    prepare_listing("many", listing, data_dir, say=print)


def megabytes() -> float:
    """Of this process and those it started."""
    processes = ["self"]
    for task in Path("/proc/self/task").iterdir():
        processes += (task / "children").read_text().split()
    rollups = [Path(f"/proc/{process}/smaps_rollup").read_text() for process in processes]
    return sum(int(rollup.split("\nPss:")[1].split()[0]) for rollup in rollups) / 1e3


def measure(data_dir: Path, options: Options, workers: int) -> Iterator[tuple[int, float]]:
    """(batches read, megabytes) at even intervals."""
    recipe = Recipe(
        "lenet5",
        "tfds:many",
        data_dir=str(data_dir),
        batch_size=options.batch_size,
        image_size=SIDE,
        workers=workers,
    )
    feed = Feed(recipe)
    start = max(feed.steps_per_epoch - options.batches // 2, 0)
    every = options.batches // MEASUREMENTS
    for count, _ in enumerate(feed.train_batches(start, start + options.batches), 1):
        if count % every == 0:
            yield count, megabytes()


def growth(measured: list[float]) -> float:
    """In megabytes, from the second fifth to the last."""
    fifth = len(measured) // 5
    return max(measured[-fifth:]) - max(measured[fifth : 2 * fifth])


def main() -> int:
    def run() -> int:
        options = cli.parse(Options, sys.argv[1:], program=PROGRAM, description=__doc__)
        cli.set_up(compilation_cache=False)
        if options.batches < MEASUREMENTS or options.examples < options.batch_size:
            raise UserError(f"give --batches={MEASUREMENTS} or more, and as many --examples")
        with tempfile.TemporaryDirectory() as temporary:
            os.environ["XDG_CACHE_HOME"] = temporary  # Labels are kept there.
            data_dir = Path(options.data_dir or temporary)
            start = time.monotonic()
            prepare(data_dir, options.examples)
            print(f"prepared in {time.monotonic() - start:.0f} s", flush=True)
            for workers in options.workers:
                start, measured = time.monotonic(), []
                for count, size in measure(data_dir, options, workers):
                    measured.append(size)
                    seconds = time.monotonic() - start
                    print(f"{count:>9,} batches  {size:7.1f} MB  {seconds:5.0f} s", flush=True)
                print(f"{workers} workers: growth {growth(measured):+.1f} MB", flush=True)
        return cli.DONE

    return cli.run(PROGRAM, run)


if __name__ == "__main__":
    cli.start(main)
