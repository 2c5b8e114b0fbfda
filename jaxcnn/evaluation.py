"""A finished or stopped run, measured again on any split."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax

from jaxcnn.checkpoint import Checkpoints
from jaxcnn.data import dataset_at, load_split, with_labels
from jaxcnn.data.pipeline import eval_batches
from jaxcnn.data.transforms import Transform
from jaxcnn.data.views import ViewsName, with_views
from jaxcnn.errors import UserError
from jaxcnn.feed import Feed, share_of_process
from jaxcnn.models import create_model
from jaxcnn.pretrained import (
    check_classes,
    published_preprocessing,
    published_transforms,
    read_pretrained,
)
from jaxcnn.program import build, eval_step_of, evaluate, metrics_of
from jaxcnn.recipe import Mesh
from jaxcnn.run_folder import RunFolder
from jaxcnn.sharding import batch_sharding, make_mesh, mesh_here, replicated
from jaxcnn.state import eval_variables
from jaxcnn.xla.gpu import on_gpu, with_float32_products


def evaluate_run(
    workdir: str | Path,
    *,
    split: str = "test",
    data_dir: str | None = None,
    labels: str | None = None,
    extra_transforms: Sequence[Transform] = (),
    tta: ViewsName = "none",
) -> dict[str, Any]:
    """`{"split", "tta", "step", "top1", "top5", "loss", "n"}` of a run's best checkpoint.

    The best by validation.

    Of a data set whose images show several classes `"mAP", "CF1", "OF1"` in place of top-1 and -5.

    Args:
        workdir: the run's folder.
        split: "train", "val" or "test".
        data_dir: where the data is now; where the run had it if not given.
        labels: the CSV file with the classes of an image folder's pictures in `data_dir`; the run's
            own if neither is given.
        extra_transforms: done to the images as the model would get them, a shift for one.
        tta: views of each image whose probabilities are averaged; see `jaxcnn.data.views`.

    Raises UserError if the folder holds no run, no validated checkpoint, or the data is missing;
    RunError if the checkpoint is damaged.
    """
    folder = RunFolder(workdir)
    recipe = folder.read_recipe()
    mesh = mesh_here(recipe.mesh)
    recipe = replace(recipe, mesh=mesh)
    if (data_dir, labels) != (None, None):
        recipe = replace(recipe, data_dir=data_dir or recipe.data_dir, labels=labels)
    pretrained = recipe.pretrained and read_pretrained(recipe.arch, recipe.pretrained)
    feed = Feed(recipe, pretrained.preprocessing if pretrained else None)
    program = build(
        recipe,
        feed.spec,
        preprocessing=feed.preprocessing,
        steps_per_epoch=feed.steps_per_epoch,
        total_steps=1,
    )
    with Checkpoints(folder.checkpoints, read_only=True) as checkpoints:
        if checkpoints.latest_step() is None:
            raise UserError(f"{folder.path} has no checkpoint yet; train first")
        step = checkpoints.best_step()
        if step is None:
            raise UserError(f"{folder.path} has not finished an epoch yet; train on")
        state, _ = checkpoints.restore(step, program.state_like)
    batches = feed.eval_batches(split, extra_transforms, tta)
    evaluation = evaluate(
        program.eval_step,
        program.rows,
        eval_variables(state),
        batches,
        metrics=program.metrics,
    )
    return {"split": split, "tta": tta, "step": step, **evaluation.figures}


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
        tta: views of each image whose probabilities are averaged; see `jaxcnn.data.views`.
        say: is told what the user should know before the figures.

    Raises UserError where weights, data and model do not fit each other.
    """
    pretrained = read_pretrained(arch, source)
    if pretrained.arch != arch:
        say(f"these weights are of {pretrained.arch} (its padding and epsilon): evaluating that")
    place = with_labels(dataset, data_dir, labels)
    data = dataset_at(dataset, place)
    check_classes(pretrained, data)
    for note in data.notes:
        say(note)
    split = split or ("all" if data.splits == ("all",) else "test")
    transforms = published_transforms(pretrained, data, image_size=image_size)
    mesh = make_mesh(Mesh(data=1 if jax.process_count() == 1 else -1))
    batches = eval_batches(
        load_split(data, split, place),
        with_views(transforms, tta, data),
        batch_size=-(-batch_size // mesh.size) * mesh.size,
        num_threads=2,
        **share_of_process(),
    )
    model = create_model(pretrained.arch, num_classes=data.num_classes)
    eval_step = eval_step_of(model, data, published_preprocessing(pretrained, data))
    if on_gpu(mesh.devices.flat):
        eval_step = with_float32_products(eval_step)
    eval_step = jax.jit(eval_step, out_shardings=replicated(mesh))
    variables = jax.device_put(pretrained.variables, replicated(mesh))
    evaluation = evaluate(
        eval_step, batch_sharding(mesh), variables, batches, metrics=metrics_of(data)
    )
    return {"arch": pretrained.arch, "split": split, "tta": tta, **evaluation.figures}
