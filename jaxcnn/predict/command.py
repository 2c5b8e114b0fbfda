"""What a run's model, or published weights, take pictures for, and why.

python -m jaxcnn.predict --workdir=DIR IMAGE...
python -m jaxcnn.predict --arch=NAME --pretrained=SOURCE --explain=grad_cam IMAGE...
python -m jaxcnn.predict --workdir=DIR --csv=predictions.csv FOLDER

IMAGE is a file or a folder of pictures.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from jaxcnn.command import cli
from jaxcnn.command.plugin_flag import Plugins, load_plugins
from jaxcnn.errors import RunError, UserError
from jaxcnn.files import own_files
from jaxcnn.files.paths import expanded
from jaxcnn.text.lines import cell, say, say_on
from jaxcnn.text.phrases import first_few
from jaxcnn.trained.methods import Method

if TYPE_CHECKING:
    import numpy as np

    from jaxcnn.predict.prediction import Prediction
    from jaxcnn.trained.classifier import Classifier

PROGRAM = "python -m jaxcnn.predict"


@dataclass(frozen=True)
class Options:
    images: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Pictures, or folders of them."""
    plugin: Plugins = ()
    workdir: str | None = None
    """The run's folder."""
    arch: str | None = None
    """For published weights: the architecture, one of jaxcnn.list_models()."""
    pretrained: str | None = None
    """For published weights: a .safetensors or .pth file, or hf:timm/NAME."""
    dataset: str | None = None
    """For published weights: the data set whose classes they tell apart, for the names."""
    image_size: int | None = None
    """For published weights: height and width in pixels; what the weights ask for if not given."""
    data_dir: str | None = None
    """For published weights: an image folder, for the names of its classes; a run knows its own."""
    labels: str | None = None
    """For published weights: a CSV file with the classes of that folder's pictures, for their
    names."""
    top_k: int = 5
    """How many classes to show, the most probable ones."""
    explain: Method | None = None
    """Draw what speaks for the most probable class, a PNG per picture; attention_rollout what was
    looked at for whichever class."""
    output: str | None = None
    """The folder for what --explain draws; ./explanations if not given."""
    csv: str | None = None
    """A file for a row per picture, in place of tables: path, prediction, confidence, top-k."""
    json: bool = False
    """Print a line of JSON per picture in place of tables."""
    compilation_cache: bool = True
    """Keep compiled programs in ~/.cache/jaxcnn, so that a second run starts in seconds."""


def main(args: Sequence[str] | None = None) -> int:
    args = sys.argv[1:] if args is None else args

    def predict() -> int:
        options = cli.parse(Options, args, program=PROGRAM, description=__doc__)
        load_plugins(options.plugin)
        check(options)
        # What OpenCV thinks of a damaged file is told in one line of ours.
        os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
        cli.set_up(compilation_cache=options.compilation_cache)
        from jaxcnn.data.sources.picture_files import find_pictures

        table = None if options.csv is None else cli.output_file(options.csv, flag="csv")
        paths = find_pictures(options.images)
        # After the flags and paths are known to be right: this import takes seconds.
        from jaxcnn.predict.prediction import Unreadable, classify

        classifier = classifier_for(options)
        drawings = drawing_paths(options, paths) if options.explain is not None else {}
        unreadable: list[Unreadable] = []
        predicted: list[tuple[Path, np.ndarray]] = []
        with progress(len(paths), shown=table is not None) as advance:
            for result in classify(classifier, paths, explain=options.explain):
                advance()
                if isinstance(result, Unreadable):
                    unreadable.append(result)
                    if len(paths) > 1:
                        show({"image": str(result.path), "problem": result.problem}, options)
                    continue
                if table is not None:
                    predicted.append((result.path, result.probabilities))
                shown = record(result, classifier, options.top_k)
                if options.explain is not None:
                    draw_explanation(result, shown["top"][0], drawings[result.path])
                    shown["explanation"] = str(drawings[result.path])
                    if result.heat is not None and result.heat.gap is not None:
                        shown["completeness_gap"] = result.heat.gap
                    if result.heat is not None and result.heat.stage is not None:
                        shown["stage"] = result.heat.stage
                show(shown, options)
        if table is not None and predicted:
            write_table(table, predicted, classifier)
        if len(unreadable) == len(paths) == 1:
            raise UserError(unreadable[0].problem)
        if unreadable:
            # The output has each in its place.
            names = first_few([result.path for result in unreadable])
            line = f"{len(unreadable)} of {len(paths)} pictures cannot be used: {names}"
            raise UserError(line) if len(unreadable) == len(paths) else RunError(line)
        return cli.DONE

    return cli.run(PROGRAM, predict)


def check(options: Options) -> None:
    """Raises UserError for flags that do not go together, and values out of range."""
    cli.check_model_source(options.workdir, options.arch, options.pretrained)
    cli.check_image_size(options.image_size)
    if not options.images:
        raise UserError("no picture is given; name files, or folders of them")
    if options.top_k < 1:
        raise UserError(f"--top-k={options.top_k} is out of range; it must be above 0")
    for_weights = (options.dataset, options.image_size, options.labels)
    if options.workdir is not None and any(value is not None for value in for_weights):
        raise UserError(
            "--dataset, --image-size and --labels are for published weights; a run has its own"
        )
    if options.csv is not None and options.json:
        raise UserError("--csv=FILE writes a file in place of what --json prints; give one of them")
    if options.output is not None and options.explain is None:
        raise UserError("--output is for what --explain=METHOD draws; give that too")


@contextmanager
def progress(pictures: int, *, shown: bool) -> Iterator[Callable[[], None]]:
    """What to call after each picture; a bar on a terminal, if it is to be shown."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    hidden = not (shown and console.is_terminal)
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task("", total=pictures)
        yield lambda: bar.advance(task)


def write_table(
    path: Path, predicted: "Sequence[tuple[Path, np.ndarray]]", classifier: "Classifier"
) -> None:
    from jaxcnn.trained.predictions_file import predicted_rows

    several = classifier.data.multi_label
    content = predicted_rows(predicted, classifier.class_names or (), several=several)
    try:
        own_files.write(path, content.encode(errors="backslashreplace"))
    except OSError as error:
        raise UserError(f"--csv={path} cannot be written: {error.strerror}") from error
    say(f"{len(predicted):,} predictions are in {path}")


def classifier_for(options: Options) -> "Classifier":
    from jaxcnn.trained.classifier import classifier_of_run, published_classifier

    if options.workdir is not None:
        return classifier_of_run(options.workdir, data_dir=options.data_dir, say=say)
    return published_classifier(
        options.arch or "",
        options.pretrained or "",
        dataset=options.dataset,
        data_dir=options.data_dir,
        labels=options.labels,
        image_size=options.image_size,
        say=say,
    )


def record(prediction: "Prediction", classifier: "Classifier", top_k: int) -> dict[str, Any]:
    """What is printed of a picture."""
    names = classifier.class_names
    top = [
        {"class": index, "name": names and names[index], "probability": probability}
        for index, probability in prediction.top(top_k)
    ]
    return {"image": str(prediction.path), "top": top}


def show(shown: dict[str, Any], options: Options) -> None:
    if options.csv is not None:
        if "problem" in shown:
            say(shown["problem"])
        return
    if options.json:
        print(json.dumps(shown), flush=True)
        return
    from rich.table import Column, Table

    console = cli.console()
    if "problem" in shown:
        say_on(console, shown["problem"], "red")
        return
    say_on(console, shown["image"], "bold")
    table = Table(Column("class", justify="right"), "name", Column("probability", justify="right"))
    for row in shown["top"]:
        name = cell(row["name"] or "")
        table.add_row(str(row["class"]), name, f"{row['probability']:.4f}")
    console.print(table)
    if "explanation" in shown:
        of_stage = f", by the maps of {shown['stage']}" if "stage" in shown else ""
        say_on(console, f"explanation: {shown['explanation']}{of_stage}")
    if "completeness_gap" in shown:
        gap = shown["completeness_gap"]
        say_on(console, f"its values add up to the class's logit but for {gap:.2%}")


def drawing_paths(options: Options, paths: Sequence[Path]) -> dict[Path, Path]:
    """Where each picture's explanation goes: below the output folder as the pictures lie below the
    folder they share, so that no two are written to one file."""
    absolute = {path: Path(os.path.abspath(path)) for path in paths}
    shared = Path(os.path.commonpath([path.parent for path in absolute.values()]))
    output = Path(expanded(options.output or "explanations"))
    return {
        path: output / f"{place.relative_to(shared)}.{options.explain}.png"
        for path, place in absolute.items()
    }


def draw_explanation(prediction: "Prediction", top: dict[str, Any], path: Path) -> None:
    """Writes what spoke for the first class to `path`. Raises UserError if that cannot be done."""
    from jaxcnn.explain.figure import draw
    from jaxcnn.text.figure_text import drawn, plain_text

    assert prediction.heat is not None, "explained"
    name = (
        f"class {top['class']}"
        if top["name"] is None
        else f"{drawn(top['name'])} (class {top['class']})"
    )
    title = f"{name}: probability {top['probability']:.3f}"
    if prediction.heat.stage is not None:
        title += f"; by {drawn(prediction.heat.stage)}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with plain_text():
            draw(prediction.image, prediction.heat, title).savefig(path, dpi=120)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}; give --output=DIR") from error
