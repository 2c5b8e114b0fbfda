"""A run's checkpoint, or published weights, measured on a split: the figures alone."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jaxcnn.data.augment.transform import Transform
from jaxcnn.data.augment.views import ViewsName
from jaxcnn.run.test_uses import note_test_use
from jaxcnn.trained.subject import published_subject, subject_of_run


def evaluate_run(
    workdir: str | Path,
    *,
    split: str = "test",
    data_dir: str | None = None,
    labels: str | None = None,
    extra_transforms: Sequence[Transform] = (),
    tta: ViewsName = "none",
    model: Any = None,
    data: Any = None,
    task: Any = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """`{"split", "tta", "step", "top1", "top5", "loss", "n"}` of a run's best checkpoint.

    The best by validation. Of a data set whose images show several classes `"mAP", "CF1", "OF1"` in
    place of top-1 and -5. That a test split was measured is noted in the run's folder.

    Args:
        workdir: the run's folder.
        split: "train", "val" or "test"; "all" for all of another folder, which has no splits.
        data_dir: see `subject_of_run`, as for `labels`.
        labels: the CSV file with the classes of an image folder's pictures in `data_dir`.
        extra_transforms: done to the images as the model would get them, a shift for one.
        tta: views of each image whose probabilities are averaged; see `jaxcnn.data.augment.views`.
        model: of a run that a program gave its network, that; so `data` and `task`.
        say: is told in what the images are not those that the run had, and when its test split was
            measured before.

    Raises UserError if the folder holds no run, no validated checkpoint, or the data is missing,
    has classes that the run does not know, or is to test the run with what it was trained on;
    RunError if the checkpoint is damaged.
    """
    subject = subject_of_run(
        workdir, data_dir=data_dir, labels=labels, model=model, data=data, task=task, say=say
    )
    evaluation = subject.evaluate(subject.load(split), extra=extra_transforms, tta=tta)
    if split == "test" and subject.is_own(split):
        note_test_use(workdir, by="evaluate_run", say=say)
    return {"split": split, "tta": tta, "step": subject.step, **evaluation.figures}


def evaluate_pretrained(
    arch: str,
    source: str,
    *,
    dataset: str,
    data_dir: str | None = None,
    labels: str | None = None,
    split: str | None = None,
    image_size: int | None = None,
    batch_size: int = 50,
    tta: ViewsName = "none",
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """`{"arch", "split", "tta", "top1", "top5", "loss", "n"}` of published weights on a data set.

    Arguments and errors are those of `published_subject`; `split` is the test split if not given,
    or all of a set that comes without splits.
    """
    subject = published_subject(
        arch,
        source,
        dataset=dataset,
        data_dir=data_dir,
        labels=labels,
        image_size=image_size,
        batch_size=batch_size,
        say=say,
    )
    split = split or subject.default_split
    evaluation = subject.evaluate(subject.load(split), tta=tta)
    return {"arch": subject.arch, "split": split, "tta": tta, **evaluation.figures}
