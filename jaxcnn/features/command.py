"""What a network makes of images, as files; and what that is worth to a simple classifier.

python -m jaxcnn.features --workdir=DIR --output=features.npz
python -m jaxcnn.features --arch=NAME --pretrained=SOURCE --data-dir=FOLDER --probe=linear
python -m jaxcnn.features --arch=NAME --pretrained=SOURCE --output=features.npz FOLDER

The weights stay as they are. A probe is fitted on the train split, chosen on val, and measured on
test; prints JSON.
"""

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from jaxcnn.command import cli
from jaxcnn.errors import UserError
from jaxcnn.files import strict_json
from jaxcnn.text.lines import say

PROGRAM = "python -m jaxcnn.features"
SPLITS = ("train", "val", "test", "all")


@dataclass(frozen=True)
class Options:
    pictures: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Pictures, or folders of them, whose classes nobody knows, in place of a data set."""
    workdir: str | None = None
    """The run's folder."""
    arch: str | None = None
    """For published weights: the architecture, one of jaxcnn.list_models()."""
    pretrained: str | None = None
    """For published weights: a .safetensors or .pth file, hf:timm/NAME, or a run's folder."""
    dataset: str = "image_folder"
    """For published weights: the data set; its classes need not be those of the weights."""
    image_size: int | None = None
    """For published weights: height and width in pixels; what the weights ask for if not given."""
    data_dir: str | None = None
    """Where the data is: a TFDS directory or a folder of images; a run knows its own."""
    labels: str | None = None
    """Classes of an image_folder's pictures there: a CSV file with columns path, label, split."""
    splits: str = "train,val,test"
    """Which splits, with commas between; all, of a set without splits."""
    stage: str = "pooled"
    """The tap: what the head reads, or another stage, of whose maps the mean is taken."""
    output: str | None = None
    """A file: .npz with features, label, path or index, and split; or .parquet."""
    probe: Literal["linear", "knn"] | None = None
    """Measure the features: linear, logistic regression on them; knn, their nearest neighbours."""
    shots: str | None = None
    """Fit the probe to so many training images of each class too: numbers with commas between."""
    draws: int = 5
    """How often the images of --shots are drawn."""
    compilation_cache: bool = True
    """Keep compiled programs in ~/.cache/jaxcnn, so that a second run starts in seconds."""


def main(args: Sequence[str] | None = None) -> int:
    args = sys.argv[1:] if args is None else args

    def features() -> int:
        options = cli.parse(Options, args, program=PROGRAM, description=__doc__)
        check(options)
        os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
        cli.set_up(compilation_cache=options.compilation_cache)
        # After the flags are known to be right: this import takes seconds.
        from jaxcnn.features.measure import measure

        figures = measure(options, command=shlex.join([*PROGRAM.split(), *args]), say=say)
        print(strict_json.dumps(figures, indent=2))
        return cli.DONE

    return cli.run(PROGRAM, features)


def check(options: Options) -> None:
    """Raises UserError for flags that do not go together, and values out of range."""
    cli.check_model_source(options.workdir, options.arch, options.pretrained)
    cli.check_image_size(options.image_size)
    if options.output is None and options.probe is None:
        raise UserError("nothing is to be done with the features; give --output=FILE or --probe")
    if options.output is not None and not options.output.endswith((".npz", ".parquet")):
        raise UserError(f"--output={options.output} is no .npz or .parquet file")
    splits = splits_of(options)
    if wrong := [split for split in splits if split not in SPLITS]:
        raise UserError(f"--splits has {wrong[0]!r}; there are {', '.join(SPLITS)}")
    if options.pictures and options.probe is not None:
        raise UserError("--probe needs pictures whose classes are known; give --data-dir=FOLDER")
    if options.probe is not None and set(splits) != {"train", "val", "test"}:
        raise UserError("--probe takes the splits train, val and test; leave --splits out")
    if options.shots is not None and options.probe is None:
        raise UserError("--shots is for a probe; give --probe=linear or knn too")
    shots_of(options)
    if options.draws < 1:
        raise UserError(f"--draws={options.draws} is out of range; it must be above 0")


def splits_of(options: Options) -> list[str]:
    return list(dict.fromkeys(options.splits.split(",")))


def shots_of(options: Options) -> list[int]:
    """Raises UserError for what is no number above 0."""
    shots = [] if options.shots is None else options.shots.split(",")
    if wrong := [one for one in shots if not (one.isdecimal() and int(one))]:
        raise UserError(f"--shots has {wrong[0]!r}; give numbers above 0 with commas between")
    return [int(one) for one in shots]
