"""What is measured: a run's best checkpoint, or published weights, with the data they are for."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
from flax import linen as nn

from jaxcnn.data import DataDir, DatasetSpec, Source, dataset_at, load_split, with_labels
from jaxcnn.data.augment.transform import Transform
from jaxcnn.data.augment.views import ViewsName, with_views
from jaxcnn.data.loader.pipeline import eval_batches, seconds_an_image
from jaxcnn.engine.evaluate import Evaluation, eval_step_of, evaluate
from jaxcnn.engine.feed import hands_for, in_order, readable, share_of_process
from jaxcnn.engine.given import Given, given_to
from jaxcnn.engine.mesh import batch_sharding, make_mesh, mesh_here, replicated
from jaxcnn.engine.model_input import ModelInput, input_of_weights
from jaxcnn.engine.program import build
from jaxcnn.engine.state import eval_variables
from jaxcnn.errors import UserError
from jaxcnn.files.paths import expanded
from jaxcnn.models import create_model
from jaxcnn.models.spec import Variables
from jaxcnn.recipe import Mesh, Recipe, data_place
from jaxcnn.run import known_again
from jaxcnn.run.checkpoint import Checkpoints
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.pretrained import check_classes, learned_from, read_pretrained
from jaxcnn.run.run_data import RunData, listed_examples, things_of
from jaxcnn.run.same_data import compared, in_order_of
from jaxcnn.task.of_data import task_of
from jaxcnn.task.task import Task
from jaxcnn.trained.among_shown import among_shown
from jaxcnn.xla.gpu import on_gpu, with_float32_products

Say = Callable[[str], None]
Batches = Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class Subject:
    """A network with its weights, and what brings a data set's images to it.

    Attributes:
        arch: the architecture's name.
        model: the network.
        variables: its weights, on the devices.
        data: the row of the data set.
        class_names: of the labels that the network gives; empty where they are not known.
        input: what images are brought to.
        task: what is measured.
        step: the training step that the weights are of; None of published weights.
        load: split -> its examples, with the labels that the network gives. Raises UserError where
            they cannot measure it.
        is_own: split -> whether its examples are those that the run kept for it.
        batches: (examples, transforms) -> all of them, in order, in batches for evaluation.
        measure: (weights, batches) -> the evaluation of all of them by a network like this one.
        num_params: of the network.
    """

    arch: str
    model: nn.Module
    variables: Variables
    data: DatasetSpec
    class_names: tuple[str, ...]
    input: ModelInput
    task: Task
    step: int | None
    load: Callable[[str], Source]
    is_own: Callable[[str], bool]
    batches: Callable[[Source, Sequence[Transform]], Batches]
    measure: Callable[[Variables, Batches], Evaluation]

    @property
    def num_params(self) -> int:
        return sum(leaf.size for leaf in jax.tree.leaves(self.variables["params"]))

    @property
    def default_split(self) -> str:
        """The test split, or all of a set that comes without splits."""
        return "all" if self.step is None and self.data.splits == ("all",) else "test"

    def measured(self, batches: Batches) -> Evaluation:
        """The evaluation of all of the batches."""
        return self.measure(self.variables, batches)

    def evaluate(
        self, source: Source, *, extra: Sequence[Transform] = (), tta: ViewsName = "none"
    ) -> Evaluation:
        """All of a source, each example once.

        `extra` is done to the images as the network would get them; of the views that `tta` names
        the probabilities are averaged.
        """
        transforms = with_views((*self.input.transforms(self.data), *extra), tta, self.data)
        evaluation = self.measured(self.batches(source, transforms))
        return among_shown(evaluation) if self.data.among_shown else evaluation


def subject_of_run(
    workdir: str | Path,
    *,
    data_dir: str | None = None,
    labels: str | None = None,
    model: Any = None,
    data: Any = None,
    task: Any = None,
    say: Say = lambda line: None,
) -> Subject:
    """A run's best checkpoint by validation, and the data that it learned from, or other data.

    Args:
        workdir: the run's folder.
        data_dir: where the data is now, or other data, whose classes are told by their names; where
            the run had it if not given.
        labels: the CSV file with the classes of an image folder's pictures in `data_dir`; the run's
            own if neither is given.
        model: of a run that a program gave its network, that; as `fit` takes it. So `data`, which
            may be other data, and `task`.
        say: is told in what the images are not those that the run had.

    Raises UserError if the folder holds no run, no validated checkpoint, or the data is missing or
    has classes that the run does not know; RunError if the checkpoint is damaged. Its `load` raises
    UserError for what the run was trained on, asked for as a test.
    """
    folder = RunFolder(workdir)
    recipe = folder.read_recipe()
    kept = folder.read_data()
    recipe = replace(_with_its_data(recipe, kept, data_dir, labels), mesh=mesh_here(recipe.mesh))
    refuse_not_given_again(folder, model=model, data=data, task=task)
    recipe, given = given_to(recipe, model=model, data=data, task=task, tell=say)
    if kept is not None:
        for line in _given_otherwise(recipe, given, kept):
            say(line)
    place = data_place(recipe)
    data = given.data_of(recipe)
    pixels = given.data is not None

    def load(split: str) -> Source:
        for note in data.notes_on(split):
            say(note)
        if split == "all" and not folder.read_names():
            raise UserError("--split=all mixes a run's training images in; give train, val or test")
        source = load_split(data, split, place)
        if kept is not None:
            source = in_order_of(kept, source, data)
            if (line := compared(kept, folder.read_names(), split, source)) is not None:
                say(line)
        return readable(recipe, source)[0]

    def is_own(split: str) -> bool:
        if kept is not None and split == "test" and split not in kept.splits:
            # A run without its test kept no list of it: the set's, if the set is the run's.
            return is_own("val")
        source = load_split(data, split, place)
        now, _ = listed_examples(split, source, pixels=pixels)
        return kept is None or now == kept.splits.get(split)

    row, model_input = learned_from(folder, recipe, say)
    program = build(
        recipe,
        row,
        preprocessing=model_input.preprocessing,
        # The schedule is not asked for.
        steps_per_epoch=1,
        total_steps=1,
        given=given,
    )
    run = kept and kept.run
    with Checkpoints(folder.checkpoints, read_only=True, run=run) as checkpoints:
        if checkpoints.latest_step() is None:
            raise UserError(f"{folder.path} has no checkpoint yet; train first")
        step = checkpoints.best_step()
        if step is None:
            raise UserError(f"{folder.path} has not finished an epoch yet; train on")
        if (note := checkpoints.unchecked(step)) is not None:
            say(note)
        state, _ = checkpoints.restore(step, program.state_like)
    variables = eval_variables(state)

    def batches(source: Source, transforms: Sequence[Transform]) -> Batches:
        hands = hands_for(recipe, len(source), lambda: seconds_an_image(source, transforms), given)
        return in_order(recipe, source, transforms, hands)

    return Subject(
        arch=recipe.arch,
        model=program.model,
        variables=variables,
        data=data,
        class_names=row.class_names,
        input=model_input,
        task=program.task,
        step=step,
        load=load,
        is_own=is_own,
        batches=batches,
        measure=lambda variables, given: evaluate(
            program.eval_step, program.rows, variables, given, task=program.task
        ),
    )


def refuse_not_given_again(folder: RunFolder, *, model: Any, data: Any, task: Any) -> None:
    """Raises UserError where a program gave the run what is needed to measure it, and does not
    again."""
    kept = folder.read_data()
    before = {} if kept is None else kept.given
    again = {"model": model, "data": data, "task": task}
    missing = [name for name, value in again.items() if value is None and name in before]
    if missing:
        what = " and ".join(f"its {name} ({before[name].path})" for name in missing)
        arguments = ", ".join(f"{name}=..." for name in missing)
        raise UserError(
            f"a program gave the run in {folder.path} {what}; in Python "
            f"jaxcnn.evaluate.evaluation.evaluate_run({str(folder.path)!r}, {arguments}) takes "
            f"{'them' if len(missing) > 1 else 'it'} again"
        )


def _given_otherwise(recipe: Recipe, given: Given, kept: RunData) -> list[str]:
    """A line for each of model and task that is not quite what the run was given.

    Raises UserError for one that is of another class, or has other values.
    """
    before = {name: thing for name, thing in kept.given.items() if name in ("model", "task")}
    now = things_of(recipe, replace(given, data=None), given.data_of(recipe))
    if different := known_again.differences(before, now):
        raise UserError(f"the run was given other things ({'; '.join(different)}); give those")
    return known_again.changed(before, now)


def _with_its_data(
    recipe: Recipe, kept: RunData | None, data_dir: str | None, labels: str | None
) -> Recipe:
    """The recipe with where its data is now: as given, or else where the run had it."""

    def found(kept: str | None, typed: str | None) -> str | None:
        # What was typed is a path from where it was typed, unless both were moved together.
        places = [place for place in (kept, typed) if place is not None]
        there = (place for place in places if Path(expanded(place)).exists())
        return next(there, places[0] if places else None)

    own_folder = found(kept and kept.data_dir, recipe.data_dir)
    if data_dir is None and labels is None:
        labels = found(kept and kept.labels, recipe.labels)
    return replace(recipe, data_dir=data_dir or own_folder, labels=labels)


def published_subject(
    arch: str,
    source: str,
    *,
    dataset: str,
    data_dir: str | None = None,
    labels: str | None = None,
    image_size: int | None = None,
    batch_size: int = 50,
    say: Say = lambda line: None,
) -> Subject:
    """Published weights, which photographs come to as in their own evaluation.

    Args:
        arch: one of `list_models()`.
        source: as for `jaxcnn.load_weights`.
        dataset: whose classes are those of the weights, in their order.
        data_dir: where the data is.
        labels: the CSV file with the classes of an image folder's pictures.
        image_size: height and width in pixels; what the weights ask for if not given.
        batch_size: images at a time, at the least; the figures do not depend on it.
        say: is told what the user should know before the figures.

    Raises UserError where weights, data and model do not fit each other.
    """
    pretrained = read_pretrained(arch, source)
    for note in pretrained.notes:
        say(note)
    place = with_labels(dataset, data_dir, labels)
    data = dataset_at(dataset, place)
    check_classes(pretrained, data)
    model_input = input_of_weights(
        pretrained.arch, pretrained.preprocessing, data, image_size=image_size
    )
    mesh = make_mesh(Mesh(data=1 if jax.process_count() == 1 else -1))
    model = create_model(pretrained.arch, num_classes=data.num_classes, **pretrained.overrides)
    task = task_of(data, model_input.preprocessing)
    eval_step = eval_step_of(model, task)
    if on_gpu(mesh.devices.flat):
        eval_step = with_float32_products(eval_step)
    eval_step = jax.jit(eval_step, out_shardings=replicated(mesh))
    variables = jax.device_put(pretrained.variables, replicated(mesh))

    def batches(source: Source, transforms: Sequence[Transform]) -> Batches:
        rows = -(-batch_size // mesh.size) * mesh.size
        shared = share_of_process()
        return eval_batches(source, transforms, batch_size=rows, num_threads=2, **shared)

    return Subject(
        arch=pretrained.arch,
        model=model,
        variables=variables,
        data=data,
        class_names=data.class_names,
        input=model_input,
        task=task,
        step=None,
        load=loading(data, place, say),
        is_own=lambda split: False,
        batches=batches,
        measure=lambda variables, given: evaluate(
            eval_step, batch_sharding(mesh), variables, given, task=task
        ),
    )


def loading(data: DatasetSpec, place: DataDir, say: Say) -> Callable[[str], Source]:
    """split -> its examples; `say` is told what is to be known of them."""

    def load(split: str) -> Source:
        for note in data.notes_on(split):
            say(note)
        return load_split(data, split, place)

    return load
