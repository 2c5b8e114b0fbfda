"""What the command line asks for, measured."""

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jaxcnn.data import Source
from jaxcnn.data.augment.transform import Transform
from jaxcnn.data.augment.views import ViewsName
from jaxcnn.engine.evaluate import Evaluation
from jaxcnn.evaluate.groups import read_groups, without_a_group
from jaxcnn.evaluate.outputs import OutputFolder, shown_of, summarised, tuned_on_validation
from jaxcnn.evaluate.robustness import Robustness, read_names, robustness
from jaxcnn.evaluate.sections import of_corruptions, of_groups
from jaxcnn.metrics.examples import examples_of
from jaxcnn.metrics.groups import by_group, sets_by_group
from jaxcnn.metrics.intervals import bootstrap_of_mean, wilson
from jaxcnn.metrics.several_labels import sigmoid_losses
from jaxcnn.processes.distributed import is_first
from jaxcnn.report.write import figures_of
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.test_uses import note_test_use, said_of
from jaxcnn.trained.predictions_file import names_of
from jaxcnn.trained.subject import Subject, published_subject, subject_of_run

if TYPE_CHECKING:
    from jaxcnn.evaluate.command import Options

Say = Callable[[str], None]
# As many classes as top-5 takes are all among the first five.
TOP_K = 5
# What AlexNet's errors are of, in pixels; evaluations between two lines that say how many are done.
IMAGENET_SIDE, SAID_EVERY = 224, 20


def measure(options: "Options", *, command: str, say: Say) -> dict[str, Any]:
    """What is printed: figures of a split, with their intervals; and of groups and corruptions.

    With an output folder it is filled. `command` is what a person typed.
    """
    output = None if options.output is None else OutputFolder(options.output)
    corrupted_by = None if options.corruptions is None else read_names(options.corruptions)
    subject, title, folder = _subject(options, say)
    split = options.split or subject.default_split
    source = subject.load(split)
    names = names_of(source) if output or options.groups else None
    groups: Mapping[str, Sequence[str]] = {}
    if options.groups is not None:
        groups = read_groups(options.groups, names, len(source))
        if line := without_a_group(groups, names):
            say(line)
    begun = time.monotonic()
    evaluation = subject.evaluate(source, tta=options.tta)
    seconds = time.monotonic() - begun
    notes = []
    if folder is not None and split == "test" and subject.is_own(split):
        if is_first() and (line := said_of(folder)):
            notes.append(line)
        note_test_use(folder.path, by=command, say=say)
    head = {"arch": subject.arch} if folder is None else {}
    step = {} if subject.step is None else {"step": subject.step}
    printed: dict[str, Any] = {**head, "split": split, "tta": options.tta, **step}
    printed |= evaluation.figures
    several = subject.data.multi_label
    if subject.task.num_outputs <= TOP_K:
        printed.pop("top5", None)
    by_column = {
        column: (sets_by_group if several else by_group)(
            column_groups, evaluation.labels, evaluation.kept
        ).to_json()
        for column, column_groups in groups.items()
    }
    more = [of_groups(column, found, several) for column, found in by_column.items()]
    robust = None
    if corrupted_by is not None:
        robust = corrupted(subject, source, options.tta, evaluation, corrupted_by, say)
        more.append(of_corruptions(robust, title))
    if output is None:
        printed["intervals"] = intervals(evaluation, several)
    else:
        shown = shown_of(
            subject,
            source,
            split,
            evaluation,
            title=title,
            folder=folder,
            command=command,
            again=[_predict(options)],
            sections=more,
            notes=notes,
        )
        shown = tuned_on_validation(subject, shown)
        figures = figures_of(shown)
        printed |= {
            **{
                name: value
                for name, value in summarised(figures).items()
                if name != "top5" or value
            },
            "temperature": shown.temperature,
            "params": subject.num_params,
            "images_per_second": len(source) / seconds,
        }
    if by_column:
        printed["groups"] = by_column
    if robust is not None:
        printed["robustness"] = robust.to_json()
    if output is not None and is_first():
        output.write(printed, shown, figures, by_column, dataset=subject.data.name)
        say(f"the report is {output.path / 'index.html'}")
    return printed


def corrupted(
    subject: Subject,
    source: Source,
    tta: ViewsName,
    clean: Evaluation,
    names: Sequence[str],
    say: Say,
) -> Robustness:
    """The same of corrupted images, which takes as long again for each corruption and severity.

    Raises UserError where images show several classes.
    """
    done = 0

    def measured(transforms: Sequence[Transform]) -> Mapping[str, float]:
        nonlocal done
        if not transforms:
            return clean.figures
        figures = subject.evaluate(source, extra=transforms, tta=tta).figures
        done += 1
        if done % SAID_EVERY == 0:
            say(f"{done} evaluations of corrupted images done")
        return figures

    side = subject.input.image_size
    is_imagenet = subject.data.name.startswith("imagenet") and subject.task.num_outputs == 1000
    of_imagenet = is_imagenet and side == IMAGENET_SIDE
    return robustness(measured, names, side=side, of_imagenet=of_imagenet)


def intervals(evaluation: Evaluation, several: bool) -> dict[str, Any]:
    """95% intervals of the figures that are printed: Wilson's of shares, the bootstrap's of the
    loss."""
    labels, logits = evaluation.labels, evaluation.kept
    if several:
        return {"loss": bootstrap_of_mean(sigmoid_losses(labels > 0, logits))}
    examples, n = examples_of(labels, logits), len(logits)
    found = {"top1": wilson(int(examples.right.sum()), n)}
    if logits.shape[1] > TOP_K:
        found["top5"] = wilson(int((examples.ranks < TOP_K).sum()), n)
    return {**found, "loss": bootstrap_of_mean(examples.losses)}


def _subject(options: "Options", say: Say) -> tuple[Subject, str, RunFolder | None]:
    """What is measured, what it is called, and the run's folder if it is a run."""
    if options.workdir is not None:
        folder = RunFolder(options.workdir)
        subject = subject_of_run(
            options.workdir, data_dir=options.data_dir, labels=options.labels, say=say
        )
        return subject, f"{subject.arch} on {subject.data.name}", folder
    subject = published_subject(
        options.arch or "",
        options.pretrained or "",
        dataset=options.dataset,
        data_dir=options.data_dir,
        labels=options.labels,
        image_size=options.image_size,
        say=say,
    )
    return subject, f"{subject.arch} ({options.pretrained}) on {subject.data.name}", None


def _predict(options: "Options") -> str:
    model = (
        ["--workdir", options.workdir]
        if options.workdir is not None
        else ["--arch", options.arch or "", "--pretrained", options.pretrained or ""]
    )
    return shlex.join(["python", "-m", "jaxcnn.predict", *model, "IMAGE", "--explain=grad_cam"])
