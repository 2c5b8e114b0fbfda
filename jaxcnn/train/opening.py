"""How a run's folder is opened: whose it is, whether it is finished, what it learns from."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from jaxcnn.data import DataNotFound, load_split
from jaxcnn.engine.feed import Feed
from jaxcnn.engine.given import Given
from jaxcnn.errors import UserError
from jaxcnn.recipe import Recipe, data_place
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.pretrained import Pretrained, read_pretrained
from jaxcnn.run.run_data import RunData, run_data, splits_of
from jaxcnn.run.teacher import ReadTeacher, read_teacher, refuse_other_teacher


@dataclass(frozen=True)
class Opened:
    """A run that is to be trained, or trained on.

    Attributes:
        feed: its data.
        data: what its folder is to keep of that.
        names: the content of `data.names.gz`.
        pretrained: the weights that it begins with, where they had to be read.
        teacher: that it learns from, if any.
    """

    feed: Feed
    data: RunData
    names: bytes
    pretrained: Pretrained | None
    teacher: ReadTeacher | None


def open_run(folder: RunFolder, recipe: Recipe, given: Given, *, command: str) -> Opened:
    """Reads what the run is to learn from.

    Raises UserError if the folder is of other data, or of another teacher.
    """
    pretrained = preprocessing = None
    if recipe.pretrained is not None:
        kept = folder.read_data()
        if kept is not None and folder.has_checkpoints():
            # What is at the source by now may be other weights, for images of another look.
            preprocessing = kept.input.preprocessing
        else:
            pretrained = read_pretrained(recipe.arch, recipe.pretrained, given)
            preprocessing = pretrained.preprocessing
    feed = Feed(recipe, preprocessing, given)
    teacher = read_teacher(recipe, feed.spec, feed.input)
    refuse_other_teacher(folder, teacher and teacher.origin)
    data, names = run_data(
        recipe,
        feed.spec,
        feed.input,
        {split: feed.stored(split) for split in splits_of(recipe)},
        command=command,
        weights=pretrained and pretrained.origin,
        teacher=teacher and teacher.origin,
        given=given,
    )
    folder.refuse_other_data(data, names)
    return Opened(feed, folder.as_begun(data), names, pretrained, teacher)


def finished(
    folder: RunFolder, recipe: Recipe, given: Given, say: Callable[[str], None]
) -> dict[str, Any] | None:
    """The summary of a run that is finished; None of one that is not.

    Raises UserError if it is of other data than is there now.
    """
    summary = folder.read_summary()
    if summary is None:
        return None
    _refuse_other_data(folder, recipe, given)
    if (was := folder.older_optimizer()) is not None:
        say(f"{folder.path} holds a run of an older version, {was}: its figures are that one's")
    return summary


def _refuse_other_data(folder: RunFolder, recipe: Recipe, given: Given) -> None:
    """Raises UserError if a finished run is of other pictures than those that are there now, or was
    given other things.

    Where pictures are gone, its figures are still its own; and a set with a name is what it was.
    """
    before = folder.read_data()
    if before is None or not (folder.read_names() or before.given or given.things):
        return
    with suppress(DataNotFound):
        data, place = given.data_of(recipe), data_place(recipe)
        sources = {split: load_split(data, split, place) for split in splits_of(recipe)}
        now = run_data(recipe, data, before.input, sources, command=before.command, given=given)
        folder.refuse_other_data(*now)


def refuse_no_longer(folder: RunFolder, done: int | None, total_steps: int) -> None:
    """Raises UserError if a run of `done` steps cannot be extended to so many."""
    if done is None:
        raise UserError(f"{folder.path} has no checkpoint to go on from; give another --workdir")
    if total_steps <= done:
        raise UserError(
            f"{folder.path} holds a run of {done:,} steps; {total_steps:,} do not extend it: give "
            "more --epochs or --steps"
        )
