"""A finished or stopped run, measured again on any split."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax

from jaxcnn.data import dataset_at, load_split, with_labels
from jaxcnn.data.augment.transform import Transform
from jaxcnn.data.augment.views import ViewsName, with_views
from jaxcnn.data.loader.pipeline import eval_batches, seconds_an_image
from jaxcnn.engine.evaluate import eval_step_of, evaluate
from jaxcnn.engine.feed import hands_for, in_order, readable, share_of_process
from jaxcnn.engine.mesh import batch_sharding, make_mesh, mesh_here, replicated
from jaxcnn.engine.model_input import input_of_weights
from jaxcnn.engine.program import build
from jaxcnn.engine.state import eval_variables
from jaxcnn.errors import UserError
from jaxcnn.files.paths import expanded
from jaxcnn.models import create_model
from jaxcnn.recipe import Mesh, Recipe, data_place
from jaxcnn.run.checkpoint import Checkpoints
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.pretrained import check_classes, learned_from, read_pretrained
from jaxcnn.run.run_data import RunData
from jaxcnn.run.same_data import compared, in_order_of
from jaxcnn.task.of_data import task_of
from jaxcnn.xla.gpu import on_gpu, with_float32_products


def evaluate_run(
    workdir: str | Path,
    *,
    split: str = "test",
    data_dir: str | None = None,
    labels: str | None = None,
    extra_transforms: Sequence[Transform] = (),
    tta: ViewsName = "none",
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """`{"split", "tta", "step", "top1", "top5", "loss", "n"}` of a run's best checkpoint.

    The best by validation.

    Of a data set whose images show several classes `"mAP", "CF1", "OF1"` in place of top-1 and -5.

    Args:
        workdir: the run's folder.
        split: "train", "val" or "test"; "all" for all of another folder, which has no splits.
        data_dir: where the data is now, or other data, whose classes are told by their names; where
            the run had it if not given.
        labels: the CSV file with the classes of an image folder's pictures in `data_dir`; the run's
            own if neither is given.
        extra_transforms: done to the images as the model would get them, a shift for one.
        tta: views of each image whose probabilities are averaged; see `jaxcnn.data.augment.views`.
        say: is told in what the images are not those that the run had.

    Raises UserError if the folder holds no run, no validated checkpoint, or the data is missing,
    has classes that the run does not know, or is to test the run with what it was trained on;
    RunError if the checkpoint is damaged.
    """
    folder = RunFolder(workdir)
    recipe = folder.read_recipe()
    kept = folder.read_data()
    recipe = replace(_with_its_data(recipe, kept, data_dir, labels), mesh=mesh_here(recipe.mesh))
    place = data_place(recipe)
    data = dataset_at(recipe.dataset, place)
    for note in data.notes_on(split):
        say(note)
    if split == "all" and not folder.read_names():
        raise UserError("--split=all mixes a run's training images in; give train, val or test")
    source = load_split(data, split, place)
    if kept is not None:
        source = in_order_of(kept, source, data)
        if (line := compared(kept, folder.read_names(), split, source)) is not None:
            say(line)
    source, _ = readable(recipe, source)
    row, model_input = learned_from(folder, recipe)
    program = build(
        recipe,
        row,
        preprocessing=model_input.preprocessing,
        # The schedule is not asked for.
        steps_per_epoch=1,
        total_steps=1,
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
    transforms = with_views((*model_input.transforms(data), *extra_transforms), tta, data)
    hands = hands_for(recipe, len(source), lambda: seconds_an_image(source, transforms))
    batches = in_order(recipe, source, transforms, hands)
    evaluation = evaluate(
        program.eval_step,
        program.rows,
        eval_variables(state),
        batches,
        task=program.task,
    )
    return {"split": split, "tta": tta, "step": step, **evaluation.figures}


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

    Photographs are prepared as the weights' own evaluation did.

    Args:
        arch: one of `list_models()`.
        source: as for `jaxcnn.load_weights`.
        dataset: whose classes are those of the weights, in their order.
        data_dir: where the data is.
        labels: the CSV file with the classes of an image folder's pictures.
        split: the test split if not given, or all of a set that comes without splits.
        image_size: height and width in pixels; what the weights ask for if not given.
        batch_size: images at a time, at the least; the figures do not depend on it.
        tta: views of each image whose probabilities are averaged; see `jaxcnn.data.augment.views`.
        say: is told what the user should know before the figures.

    Raises UserError where weights, data and model do not fit each other.
    """
    pretrained = read_pretrained(arch, source)
    for note in pretrained.notes:
        say(note)
    place = with_labels(dataset, data_dir, labels)
    data = dataset_at(dataset, place)
    check_classes(pretrained, data)
    split = split or ("all" if data.splits == ("all",) else "test")
    for note in data.notes_on(split):
        say(note)
    weights = pretrained.preprocessing
    model_input = input_of_weights(pretrained.arch, weights, data, image_size=image_size)
    mesh = make_mesh(Mesh(data=1 if jax.process_count() == 1 else -1))
    batches = eval_batches(
        load_split(data, split, place),
        with_views(model_input.transforms(data), tta, data),
        batch_size=-(-batch_size // mesh.size) * mesh.size,
        num_threads=2,
        **share_of_process(),
    )
    model = create_model(pretrained.arch, num_classes=data.num_classes, **pretrained.overrides)
    task = task_of(data, model_input.preprocessing)
    eval_step = eval_step_of(model, task)
    if on_gpu(mesh.devices.flat):
        eval_step = with_float32_products(eval_step)
    eval_step = jax.jit(eval_step, out_shardings=replicated(mesh))
    variables = jax.device_put(pretrained.variables, replicated(mesh))
    evaluation = evaluate(eval_step, batch_sharding(mesh), variables, batches, task=task)
    return {"arch": pretrained.arch, "split": split, "tta": tta, **evaluation.figures}
