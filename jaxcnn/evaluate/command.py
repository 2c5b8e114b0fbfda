"""A run's best checkpoint, or published weights, measured on one split; prints JSON.

python -m jaxcnn.evaluate --workdir=DIR
python -m jaxcnn.evaluate --arch=NAME --pretrained=SOURCE --dataset=NAME --data-dir=DIR
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from jaxcnn.command import cli
from jaxcnn.files import strict_json
from jaxcnn.processes.distributed import Distributed, is_first, joined, leave
from jaxcnn.text.lines import say

PROGRAM = "python -m jaxcnn.evaluate"


@dataclass(frozen=True)
class Options:
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
    distributed: Distributed = Distributed()
    compilation_cache: bool = True
    """Keep compiled programs in ~/.cache/jaxcnn, so that a second run starts in seconds."""


def main(args: Sequence[str] | None = None) -> int:
    args = sys.argv[1:] if args is None else args

    def evaluate() -> int:
        options = cli.parse(Options, args, program=PROGRAM, description=__doc__)
        cli.set_up(compilation_cache=options.compilation_cache)
        cli.check_model_source(options.workdir, options.arch, options.pretrained)
        cli.check_image_size(options.image_size)
        # After the flags are known to be right: this import takes seconds.
        from jaxcnn.evaluate.evaluation import evaluate_pretrained, evaluate_run

        with joined(options.distributed, PROGRAM):
            tell = say if is_first() else lambda line: None
            if options.workdir is not None:
                figures = evaluate_run(
                    options.workdir,
                    split=options.split or "test",
                    data_dir=options.data_dir,
                    labels=options.labels,
                    tta=options.tta,
                    say=tell,
                )
            else:
                figures = evaluate_pretrained(
                    options.arch or "",
                    options.pretrained or "",
                    dataset=options.dataset,
                    data_dir=options.data_dir,
                    labels=options.labels,
                    split=options.split,
                    image_size=options.image_size,
                    tta=options.tta,
                    say=tell,
                )
            if is_first():
                print(strict_json.dumps(figures, indent=2))
        return cli.DONE

    return leave(cli.run(PROGRAM, evaluate))
