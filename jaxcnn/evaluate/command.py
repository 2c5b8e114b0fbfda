"""A run's best checkpoint, or published weights, measured on one split; prints JSON.

python -m jaxcnn.evaluate --workdir=DIR
python -m jaxcnn.evaluate --workdir=DIR --split=val --output=evaluated
python -m jaxcnn.evaluate --arch=NAME --pretrained=SOURCE --dataset=NAME --data-dir=DIR

With --output also each class's figures, a row per image, a report and a model card, as files.
"""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from jaxcnn.command import cli
from jaxcnn.command.plugin_flag import Plugins, load_plugins
from jaxcnn.files import strict_json
from jaxcnn.processes.distributed import Distributed, is_first, joined, leave
from jaxcnn.text.lines import say

PROGRAM = "python -m jaxcnn.evaluate"


@dataclass(frozen=True)
class Options:
    plugin: Plugins = ()
    workdir: str | None = None
    """The run's folder."""
    arch: str | None = None
    """For published weights: the architecture, one of jaxcnn.list_models()."""
    pretrained: str | None = None
    """For published weights: a .safetensors or .pth file, or hf:timm/NAME."""
    dataset: str = "image_folder"
    """For published weights: the data set."""
    image_size: int | None = None
    """For published weights: height and width in pixels; what the weights ask for if not given."""
    split: Literal["train", "val", "test", "all"] | None = None
    """What to evaluate on; the test split if not given, or all of a set without splits. All, for a
    run, of a folder of pictures that it was not trained on."""
    tta: Literal["none", "flip", "five", "ten"] = "none"
    """Average the probabilities of views: the mirror image too, five crops, or those mirrored."""
    data_dir: str | None = None
    """Where the data is: a TFDS directory or a folder of images, whose classes are told by their
    names; a run knows its own."""
    labels: str | None = None
    """Classes of an image_folder's pictures there: a CSV file with columns path, label, split."""
    output: str | None = None
    """A folder for metrics.json, predictions.csv, a report (index.html) and a model card."""
    groups: str | None = None
    """A CSV file with a row an image: path (index, of a set whose images have no names), and a
    column for each way to group them: every figure by group, and how far groups are apart."""
    corruptions: str | None = None
    """Measure on corrupted images too: all, or names of ImageNet-C's with commas between."""
    distributed: Distributed = Distributed()
    compilation_cache: bool = True
    """Keep compiled programs in ~/.cache/jaxcnn, so that a second run starts in seconds."""


def main(args: Sequence[str] | None = None) -> int:
    args = sys.argv[1:] if args is None else args

    def evaluate() -> int:
        options = cli.parse(Options, args, program=PROGRAM, description=__doc__)
        load_plugins(options.plugin)
        cli.set_up(compilation_cache=options.compilation_cache)
        cli.check_model_source(options.workdir, options.arch, options.pretrained)
        cli.check_image_size(options.image_size)
        # After the flags are known to be right: this import takes seconds.
        from jaxcnn.evaluate.measure import measure

        with joined(options.distributed, PROGRAM):
            tell = say if is_first() else lambda line: None
            figures = measure(options, command=shlex.join([*PROGRAM.split(), *args]), say=tell)
            if is_first():
                print(strict_json.dumps(figures, indent=2))
        return cli.DONE

    return leave(cli.run(PROGRAM, evaluate))
