"""What a network on a data set has to beat: simpler ones and the nearest neighbours, in minutes.

python -m jaxcnn.baselines --dataset=NAME --data-dir=DIR
python -m jaxcnn.baselines --dataset=NAME --data-dir=DIR --arch=NAME --pretrained=SOURCE

The most frequent class, linear, mlp, lenet5 (or resnet20, of images above 28 pixels), the nearest
neighbours by pixels, and by features of published weights where these are given. Prints a table,
and writes it into a folder.
"""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from jaxcnn.command import cli
from jaxcnn.errors import UserError
from jaxcnn.text.lines import say

PROGRAM = "python -m jaxcnn.baselines"


@dataclass(frozen=True)
class Options:
    dataset: str = "digits"
    """The data set."""
    data_dir: str | None = None
    """Where the data is: a TFDS directory or a folder of images."""
    labels: str | None = None
    """Classes of an image_folder's pictures there: a CSV file with columns path, label, split."""
    split: Literal["val", "test"] = "val"
    """What to measure on: validation, to choose by; test, for what was chosen."""
    arch: str | None = None
    """For neighbours by published features: the architecture, one of jaxcnn.list_models()."""
    pretrained: str | None = None
    """For those: a .safetensors or .pth file, hf:timm/NAME, or a run's folder."""
    image_size: int | None = None
    """For those: height and width in pixels; what the weights ask for if not given."""
    output: str = "baselines"
    """The folder for baselines.md, baselines.csv and the runs, which are not trained again."""
    compilation_cache: bool = True
    """Keep compiled programs in ~/.cache/jaxcnn, so that a second run starts in seconds."""


def main(args: Sequence[str] | None = None) -> int:
    args = sys.argv[1:] if args is None else args

    def baselines() -> int:
        options = cli.parse(Options, args, program=PROGRAM, description=__doc__)
        check(options)
        cli.set_up(compilation_cache=options.compilation_cache)
        # After the flags are known to be right: these imports take seconds.
        from jaxcnn.baselines.measure import candidates_of, networks_for
        from jaxcnn.comparison.comparison import comparison_of
        from jaxcnn.comparison.folder import OutputFolder
        from jaxcnn.comparison.tables import csv_of, markdown_of, rich_tables

        files = "baselines.md", "baselines.csv"
        output = OutputFolder(options.output, files, networks_for(options))
        command = shlex.join([*PROGRAM.split(), *args])
        candidates = candidates_of(options, output.path, command=command, say=say)
        comparison = comparison_of(candidates, options.split)
        contents = markdown_of(comparison, command), csv_of(comparison)
        output.write(dict(zip(files, contents, strict=True)))
        console = cli.console()
        for table in rich_tables(comparison):
            console.print(table)
        say(f"the tables are in {output.path / files[0]}")
        return cli.DONE

    return cli.run(PROGRAM, baselines)


def check(options: Options) -> None:
    """Raises UserError for flags that do not go together, and values out of range."""
    if (options.arch is None) != (options.pretrained is None):
        raise UserError("--arch=NAME and --pretrained=SOURCE go together; give both or none")
    if options.image_size is not None and options.arch is None:
        raise UserError("--image-size is for published weights; give --arch and --pretrained too")
    cli.check_image_size(options.image_size)
