"""Prepares a data set for training, or goes on with a preparation that stopped.

python -m jaxcnn.data.prepare mypets --from=FOLDER --data-dir=DIR   (then --dataset=tfds:mypets)
python -m jaxcnn.data.prepare coco --from=COCO --data-dir=DIR
python -m jaxcnn.data.prepare cifar10 --data-dir=DIR                (needs TensorFlow)

FOLDER has a folder of pictures per class, with or without train, val and test above, or pictures
whose classes --labels=FILE.csv tells; COCO has annotations/instances_train2017.json and
instances_val2017.json beside train2017/ and val2017/.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import tyro

from jaxcnn.command import cli
from jaxcnn.errors import UserError
from jaxcnn.files.paths import expanded
from jaxcnn.text.lines import say, say_on

PROGRAM = "python -m jaxcnn.data.prepare"


@dataclass(frozen=True)
class Options:
    name: tyro.conf.Positional[str]
    """The data set: one that jaxcnn or TFDS knows, or with --from a new name."""
    source: Annotated[str | None, tyro.conf.arg(name="from")] = None
    """Folder with the images, if you have them; else TFDS downloads them."""
    labels: str | None = None
    """With --from: the pictures' classes, in a CSV file with columns path, label, maybe split."""
    data_dir: str | None = None
    """TFDS directory to write to ($JAXCNN_DATA_DIR, else TFDS's own default)."""
    on_error: Literal["raise", "skip"] = "raise"
    """With --from: what a picture that cannot be read does: end this, or be left out and listed;
    skip reads all pictures once before."""


def main(args: Sequence[str] | None = None) -> int:
    args = sys.argv[1:] if args is None else args

    def prepare() -> int:
        options = cli.parse(Options, args, program=PROGRAM, description=__doc__)
        if not re.fullmatch(r"[a-z][a-z0-9_]*(/[\w.-]+)?", options.name):
            raise UserError(
                f"{options.name!r} is no name of a data set; use small letters, digits, underscores"
            )
        # After the flags are known to be right: these imports take a second.
        from rich.console import Console
        from rich.progress import Progress

        from jaxcnn.data.prepare.preparation import prepare_from, prepare_official
        from jaxcnn.data.sources.tfds import resolve_data_dir

        data_dir = resolve_data_dir(options.data_dir)
        if "://" in data_dir:
            raise UserError(
                f"cannot write to {data_dir}; prepare in a folder, then copy that:"
                f" gcloud storage rsync --recursive FOLDER {data_dir}"
            )
        console = Console(stderr=True)
        tell = partial(say_on, console)
        if options.source is None:
            folder = prepare_official(options.name, Path(data_dir), say=tell)
        else:
            with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
                task = bar.add_task("writing", total=None)
                folder = prepare_from(
                    options.name,
                    Path(expanded(options.source)),
                    Path(data_dir),
                    say=tell,
                    labels=options.labels,
                    progress=lambda done, total: bar.update(task, completed=done, total=total),
                    on_error=options.on_error,
                )
        say(str(folder), sys.stdout)
        return cli.DONE

    return cli.run(PROGRAM, prepare)
