"""Times photographs' preparation against torchvision's on Pillow images, on one core.

    python -m benchmarks.augment --images=DIR --python=PYTHON_WITH_TORCHVISION

Decoding, RandomResizedCrop(224) and flip, without and with RandAugment(2, 9). Both sides take turns
over the same files; prints the median images per second of each, and of the rounds' ratios. Seconds
are the processor's, so that what else the machine does matters little. As for the command lines,
`cli.start` sets the allocator of this side; torchvision runs as its users run it.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from jaxcnn.command import cli
from jaxcnn.data.augment.flip import HorizontalFlip
from jaxcnn.data.augment.rand_augment import RandAugment
from jaxcnn.data.augment.random_resized_crop import RandomResizedCrop
from jaxcnn.data.augment.transform import Transform
from jaxcnn.data.order import ExampleRng
from jaxcnn.data.sources.folder.source import FolderSource
from jaxcnn.errors import UserError

PROGRAM = "python -m benchmarks.augment"
USUAL: tuple[Transform, ...] = (RandomResizedCrop(224), HorizontalFlip())
PIPELINES = {False: USUAL, True: (*USUAL, RandAugment())}


@dataclass(frozen=True)
class Options:
    images: str
    """Folder of JPEG photographs, in folders of their own or not."""
    python: str
    """Interpreter that has torch and torchvision."""
    rounds: int = 7
    """Turns of each side; one more before is not counted."""
    count: int = 200
    """Photographs a turn."""


def ours(paths: list[Path], randaugment: bool) -> float:
    """Seconds for these photographs."""
    source = FolderSource(tuple(paths), np.zeros(len(paths), np.int32), Path())
    rng, transforms = ExampleRng(0, 0), PIPELINES[randaugment]
    start = time.process_time()
    for index in range(len(paths)):
        image, stream = source[index]["image"], rng(index)
        for transform in transforms:
            image = transform(image, stream)
    return time.process_time() - start


def theirs(rival: subprocess.Popen[str], paths: list[Path], randaugment: bool) -> float:
    assert rival.stdin and rival.stdout
    order = {"paths": [str(path) for path in paths], "randaugment": randaugment}
    print(json.dumps(order), file=rival.stdin, flush=True)
    answer = rival.stdout.readline()
    if not answer:
        raise UserError("--python could not run torchvision; its error is above")
    return json.loads(answer)["seconds"]


def measure(options: Options) -> int:
    files = sorted(
        p for p in Path(options.images).rglob("*") if p.suffix.lower() in (".jpg", ".jpeg")
    )
    if len(files) < options.count:
        raise UserError(f"--images={options.images} has {len(files)} JPEG files, too few")
    # Over all classes, not the first few.
    paths = files[:: len(files) // options.count][: options.count]
    cv2.setNumThreads(1)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # The other process inherits it.
    script = Path(__file__).with_name("torch_augment.py")
    rival = subprocess.Popen(
        [options.python, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        for randaugment in PIPELINES:
            turns = [
                (ours(paths, randaugment), theirs(rival, paths, randaugment))
                for _ in range(1 + options.rounds)
            ][1:]
            mine, other = (
                statistics.median(len(paths) / seconds for seconds in side)
                for side in zip(*turns, strict=True)
            )
            ratios = sorted(other / mine for mine, other in turns)
            print(
                f"{'with' if randaugment else 'without'} RandAugment: {mine:.0f} images/s,"
                f" torchvision {other:.0f}; ratio {statistics.median(ratios):.2f}"
                f" ({ratios[0]:.2f} to {ratios[-1]:.2f})",
                flush=True,
            )
    finally:
        rival.kill()
        rival.wait()
    return cli.DONE


def main() -> int:
    return cli.run(
        PROGRAM,
        lambda: measure(cli.parse(Options, sys.argv[1:], program=PROGRAM, description=__doc__)),
    )


if __name__ == "__main__":
    cli.start(main)
