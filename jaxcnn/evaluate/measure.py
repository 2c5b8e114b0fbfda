"""A split measured: what the command line prints."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jaxcnn.data import Source
from jaxcnn.engine.evaluate import Evaluation
from jaxcnn.evaluate.subject import Subject, published_subject, subject_of_run
from jaxcnn.metrics.examples import examples_of
from jaxcnn.metrics.intervals import bootstrap_of_mean, wilson
from jaxcnn.metrics.several_labels import sigmoid_losses
from jaxcnn.processes.distributed import is_first
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.test_uses import note_test_use, said_of

if TYPE_CHECKING:
    from jaxcnn.evaluate.command import Options

Say = Callable[[str], None]
# As many classes as top-5 takes are all among the first five.
TOP_K = 5


@dataclass(frozen=True)
class Found:
    """A split, measured.

    Attributes:
        subject: what was measured.
        title: what that is called.
        folder: the run's, if it is a run.
        split: of its data.
        source: the split's examples.
        evaluation: of them.
        seconds: that it took.
        printed: the figures, as the command prints them.
        notes: what is to be known of them.
    """

    subject: Subject
    title: str
    folder: RunFolder | None
    split: str
    source: Source
    evaluation: Evaluation
    seconds: float
    printed: dict[str, Any]
    notes: tuple[str, ...]

    @property
    def several(self) -> bool:
        return self.subject.data.multi_label


def measure(options: "Options", *, command: str, say: Say) -> dict[str, Any]:
    """What is printed: figures of a split with their intervals, and whatever else is asked for.

    `command` is what a person typed.
    """
    if any((options.output, options.groups, options.corruptions)):
        # Here, for what it draws with takes seconds to import.
        from jaxcnn.evaluate.fully import measure_fully

        return measure_fully(options, command=command, say=say)
    found = measured(options, command=command, say=say)
    return {**found.printed, "intervals": intervals(found.evaluation, found.several)}


def measured(
    options: "Options",
    *,
    command: str,
    say: Say,
    look: Callable[[Source], None] = lambda source: None,
) -> Found:
    """The split that the options name; `look` is shown its examples before they are measured."""
    subject, title, folder = _subject(options, say)
    split = options.split or subject.default_split
    source = subject.load(split)
    look(source)
    begun = time.monotonic()
    evaluation = subject.evaluate(source, tta=options.tta)
    seconds = time.monotonic() - begun
    notes = ()
    if folder is not None and split == "test" and subject.is_own(split):
        if is_first() and (line := said_of(folder)):
            notes = (line,)
        note_test_use(folder.path, by=command, say=say)
    head = {"arch": subject.arch} if folder is None else {}
    step = {} if subject.step is None else {"step": subject.step}
    printed = {**head, "split": split, "tta": options.tta, **step, **evaluation.figures}
    if subject.task.num_outputs <= TOP_K:
        printed.pop("top5", None)
    return Found(subject, title, folder, split, source, evaluation, seconds, printed, notes)


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
