"""The report of a run at its end."""

import shlex
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from jaxcnn.data.balance import class_counts
from jaxcnn.engine.evaluate import Evaluation
from jaxcnn.engine.feed import Feed
from jaxcnn.engine.program import Program
from jaxcnn.engine.state import TrainState, eval_variables
from jaxcnn.files.cpu_info import cpu_model
from jaxcnn.report.look_inside import filters_of_model, heat_of_model
from jaxcnn.report.run_facts import recipe_rows, run_facts
from jaxcnn.report.shown import Seen, Shown
from jaxcnn.report.write import figures_of, write_report
from jaxcnn.run.folder import RunFolder

MOST_SEEN = 16


def write_run_report(
    folder: RunFolder, feed: Feed, program: Program, state: TrainState, test: Evaluation
) -> None:
    """Writes the report of the run whose best state is `state`, tested to `test`."""
    recipe, data, model_input = feed.recipe, feed.spec, feed.input
    kept = folder.read_data()
    model, variables = program.model, eval_variables(state)
    transforms = model_input.transforms(data)
    heat = heat_of_model(model, variables, feed.test, transforms, model_input.preprocessing)
    shown = Shown(
        title=f"{recipe.arch} on {recipe.dataset}",
        subtitle="A training run, tested once with its best epoch by validation",
        split="test",
        evaluation=test,
        images=feed.test,
        class_names=data.class_names,
        several=data.multi_label,
        facts=run_facts(folder, num_params=program.num_params, machine=machine(program)),
        command="" if kept is None else kept.command,
        recipe=recipe_rows(recipe),
        lines=folder.read_metrics(),
        steps=folder.read_steps(),
        counts={
            split: class_counts(source.labels, data.num_classes)
            for split, source in (("train", feed.train), ("val", feed.val))
        },
        seen=seen(feed, program),
        filters=filters_of_model(model, variables, model_input.image_size, model_input.channels),
        heat_of=heat and heat[0],
        heat_name=heat[1] if heat else "",
        again=commands(folder),
    )
    write_report(folder.report, shown, figures_of(shown))


def seen(feed: Feed, program: Program) -> Seen:
    """Training images as they come to the network, brought back to what can be looked at."""
    batch = {name: jnp.asarray(part) for name, part in feed.augmented_examples(MOST_SEEN).items()}
    images, targets = program.task.prepare_train(program.step_key, batch)
    mean, std = (np.asarray(each, np.float32) for each in (feed.input.mean, feed.input.std))
    pixels = np.clip(np.asarray(images) * std + mean, 0, 1)
    return Seen((255 * pixels).round().astype(np.uint8), np.asarray(targets))


def machine(program: Program) -> str:
    """What it was trained on, in a few words."""
    first, *others = program.rows.device_set
    if first.platform == "cpu":
        return cpu_model()
    return f"{1 + len(others)} x {first.device_kind}" if others else first.device_kind


def commands(folder: RunFolder) -> Sequence[str]:
    place = shlex.quote(str(folder.path))
    return (
        f"python -m jaxcnn.evaluate --workdir={place} --split=val --output=evaluated",
        f"python -m jaxcnn.predict --workdir={place} IMAGE --explain=grad_cam",
    )
