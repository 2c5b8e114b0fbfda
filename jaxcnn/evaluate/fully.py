"""A split measured in full: by group, on corrupted images, and written as a folder of files."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jaxcnn.data import Source
from jaxcnn.data.augment.transform import Transform
from jaxcnn.data.augment.views import ViewsName
from jaxcnn.evaluate.groups import read_groups, without_a_group
from jaxcnn.evaluate.measure import Found, intervals, measured
from jaxcnn.evaluate.outputs import OutputFolder, shown_of, summarised, tuned_on_validation
from jaxcnn.evaluate.predictions_file import names_of
from jaxcnn.evaluate.robustness import Robustness, read_names, robustness
from jaxcnn.evaluate.sections import of_corruptions, of_groups
from jaxcnn.metrics.groups import by_group, sets_by_group
from jaxcnn.processes.distributed import is_first
from jaxcnn.report.write import figures_of

if TYPE_CHECKING:
    from jaxcnn.evaluate.command import Options

Say = Callable[[str], None]
# What AlexNet's errors are of, in pixels; evaluations between two lines that say how many are done.
IMAGENET_SIDE, SAID_EVERY = 224, 20


def measure_fully(options: "Options", *, command: str, say: Say) -> dict[str, Any]:
    """What is printed. With an output folder it is filled.

    Raises UserError, before anything is measured, for a folder, a file of groups or a corruption
    that cannot be.
    """
    output = None if options.output is None else OutputFolder(options.output)
    corrupted_by = None if options.corruptions is None else read_names(options.corruptions)
    groups: dict[str, list[str]] = {}

    def look(source: Source) -> None:
        if options.groups is None:
            return
        names = names_of(source)
        groups.update(read_groups(options.groups, names, len(source)))
        if line := without_a_group(groups, names):
            say(line)

    found = measured(options, command=command, say=say, look=look)
    by_column = _by_group(found, groups)
    sections = [of_groups(column, each, found.several) for column, each in by_column.items()]
    robust = None
    if corrupted_by is not None:
        robust = corrupted(found, options.tta, corrupted_by, say)
        sections.append(of_corruptions(robust, found.title))
    more = {"groups": by_column} if by_column else {}
    if robust is not None:
        more["robustness"] = robust.to_json()
    if output is None:
        return {**found.printed, "intervals": intervals(found.evaluation, found.several), **more}
    shown = tuned_on_validation(
        found.subject,
        shown_of(found, command=command, again=[_predict(options)], sections=sections),
    )
    figures = figures_of(shown)
    summary = {
        **{name: value for name, value in summarised(figures).items() if name != "top5" or value},
        "temperature": shown.temperature,
        "params": found.subject.num_params,
        "images_per_second": len(found.source) / found.seconds,
    }
    printed = {**found.printed, **summary, **more}
    if is_first():
        output.write(printed, shown, figures, by_column, dataset=found.subject.data.name)
        say(f"the report is {output.path / 'index.html'}")
    return printed


def _by_group(found: Found, groups: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
    """By column, as JSON has it."""
    figures_by = sets_by_group if found.several else by_group
    labels, logits = found.evaluation.labels, found.evaluation.kept
    return {
        column: figures_by(of_images, labels, logits).to_json()
        for column, of_images in groups.items()
    }


def corrupted(found: Found, tta: ViewsName, names: Sequence[str], say: Say) -> Robustness:
    """The same of corrupted images, which takes as long again for each corruption and severity.

    Raises UserError where images show several classes.
    """
    subject, done = found.subject, 0

    def measure(transforms: Sequence[Transform]) -> Mapping[str, float]:
        nonlocal done
        if not transforms:
            return found.evaluation.figures
        figures = subject.evaluate(found.source, extra=transforms, tta=tta).figures
        done += 1
        if done % SAID_EVERY == 0:
            say(f"{done} evaluations of corrupted images done")
        return figures

    side = subject.input.image_size
    is_imagenet = subject.data.name.startswith("imagenet") and subject.task.num_outputs == 1000
    of_imagenet = is_imagenet and side == IMAGENET_SIDE
    return robustness(measure, names, side=side, of_imagenet=of_imagenet)


def _predict(options: "Options") -> str:
    model = (
        ["--workdir", options.workdir]
        if options.workdir is not None
        else ["--arch", options.arch or "", "--pretrained", options.pretrained or ""]
    )
    return shlex.join(["python", "-m", "jaxcnn.predict", *model, "IMAGE", "--explain=grad_cam"])
