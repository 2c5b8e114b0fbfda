"""Reads a whole data set and writes what it found as a page to read.

python -m jaxcnn.data.inspect --dataset=NAME --data-dir=DIR

Pictures that are in two splits, exactly or nearly; files that cannot be read; how even the classes
are; mean and standard deviation of the training split; sizes; samples, augmented ones too.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jaxcnn.command import cli
from jaxcnn.command.plugin_flag import Plugins, load_plugins
from jaxcnn.errors import UserError
from jaxcnn.files.paths import expanded
from jaxcnn.text.lines import say

PROGRAM = "python -m jaxcnn.data.inspect"


@dataclass(frozen=True)
class Options:
    dataset: str = "digits"
    """Data set; digits needs no download."""
    plugin: Plugins = ()
    data_dir: str | None = None
    """TFDS directory ($JAXCNN_DATA_DIR, else TFDS's own default), or the image_folder."""
    labels: str | None = None
    """Classes of an image_folder's pictures: a CSV file with columns path, label, maybe split."""
    output: str | None = None
    """Folder of the report; runs/inspect-DATASET if not given."""


@contextmanager
def writing_to(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"--output={output} cannot be written: {error.strerror}") from error


def main(args: Sequence[str] | None = None) -> int:
    args = sys.argv[1:] if args is None else args

    def inspect() -> int:
        options = cli.parse(Options, args, program=PROGRAM, description=__doc__)
        load_plugins(options.plugin)
        cli.set_up(compilation_cache=False)
        # After the flags are known to be right: these imports take seconds.
        from jaxcnn.data import dataset_at, with_labels
        from jaxcnn.data.inspect.survey import survey
        from jaxcnn.data.inspect.survey_report import write_report

        started = time.monotonic()
        place = with_labels(options.dataset, options.data_dir, options.labels)
        spec = dataset_at(options.dataset, place)
        output = Path(expanded(options.output or f"runs/inspect-{options.dataset}"))
        with writing_to(output):  # Before hours of reading.
            output.mkdir(parents=True, exist_ok=True)
        found = survey(spec, place, say)
        for note in spec.all_notes:
            say(note, sys.stdout)
        for shared in found.shared:
            say(
                f"{shared.first} and {shared.second}: {len(shared.exact):,} pictures of "
                f"{shared.second} are in {shared.first} too, {len(shared.near):,} more nearly so",
                sys.stdout,
            )
        bad = sum(len(part.unreadable) for part in found.splits.values())
        print(f"examples that cannot be read: {bad:,}")
        with writing_to(output):
            page = write_report(output, found)
        say(f"report: {page} ({time.monotonic() - started:.0f} s)", sys.stdout)
        return cli.DONE

    return cli.run(PROGRAM, inspect)
