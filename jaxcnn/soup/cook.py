"""Runs read, averaged, measured on their validation split, and written as a run's folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.engine.mesh import place
from jaxcnn.engine.program import build
from jaxcnn.errors import UserError
from jaxcnn.models.spec import Variables
from jaxcnn.recipe import Recipe, model_overrides
from jaxcnn.run.checkpoint import Checkpoints, validation_rank
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.pretrained import learned_from, read_pretrained
from jaxcnn.run.progress import Progress
from jaxcnn.run.run_data import RunData
from jaxcnn.soup.averages import greedy, mean_of
from jaxcnn.trained.subject import Subject, subject_of_run

Say = Callable[[str], None]


@dataclass(frozen=True)
class Ingredient:
    """A run: its folder, what it was asked to do, what it learned from, its weights."""

    folder: RunFolder
    recipe: Recipe
    data: RunData
    variables: Variables
    read_from: str


def cook(
    runs: Sequence[str],
    output: str,
    *,
    average: Literal["greedy", "uniform"] = "greedy",
    data_dir: str | None = None,
    command: str = "jaxcnn.soup",
    say: Say = lambda line: None,
) -> dict[str, Any]:
    """Writes the average of the runs' best checkpoints by validation into the folder `output`.

    Of a run with an average of its own weights that counts. Returns what `soup.json` there says:
    `{"arch", "average", "runs": [{"run", "read_from", "used", "val"}], "averages"}`, the latter
    both averages' figures in validation.

    Raises UserError where the runs are of other architectures, classes, inputs or validation
    images.
    """
    ingredients = [ingredient(run) for run in runs]
    first = ingredients[0]
    for other in ingredients[1:]:
        refuse_other(first, other)
    for line in other_starts(ingredients):
        say(line)
    if first.variables["batch_stats"]:
        say("batch normalisation's statistics are averaged too: no image is asked for new ones")
    subject = subject_of_run(first.folder.path, data_dir=data_dir, say=say)
    batches = _batches(subject)
    networks = [each.variables for each in ingredients]
    found = []
    for each in ingredients:
        figures = _measured(subject, each.variables, batches)
        say(f"{each.folder.path}: {_shown(figures)}")
        found.append(figures)
    members = greedy(
        networks,
        [_rank(figures) for figures in found],
        lambda weights: _rank(_measured(subject, weights, batches)),
    )
    chosen = {"uniform": list(range(len(networks))), "greedy": members}
    weights = {
        name: mean_of([networks[i] for i in sorted(which)]) for name, which in chosen.items()
    }
    averages = {name: _measured(subject, each, batches) for name, each in weights.items()}
    for name, figures in averages.items():
        say(f"{name}, of {len(chosen[name])}: {_shown(figures)}")
    kept = {
        "arch": first.recipe.arch,
        "average": average,
        "runs": [
            {
                "run": str(each.folder.path),
                "read_from": each.read_from,
                "used": i in chosen[average],
                "val": found[i],
            }
            for i, each in enumerate(ingredients)
        ],
        "averages": averages,
    }
    _write(RunFolder(output), first, weights[average], averages[average], kept, command)
    say(f"the {average} average is in {output}")
    return kept


def other_starts(ingredients: Sequence[Ingredient]) -> list[str]:
    """A line for each run that did not begin where the first one did."""
    first, lines = ingredients[0], []
    for other in ingredients[1:]:
        one, two = first.data.weights, other.data.weights
        seeds = f"seeds {first.recipe.seed} and {other.recipe.seed}"
        pair = f"{other.folder.path} and {first.folder.path}"
        if one is None and two is None and first.recipe.pretrained == other.recipe.pretrained:
            if first.recipe.seed != other.recipe.seed:
                lines.append(
                    f"{pair} did not begin from the same weights ({seeds}): the average of such "
                    "networks is mostly worse than each"
                )
        elif one is None or two is None or set(one.sha256.values()) != set(two.sha256.values()):
            lines.append(
                f"{pair} did not begin from the same weights ({one or 'drawn'}; {two or 'drawn'}): "
                "the average of such networks is mostly worse than each"
            )
        elif first.recipe.seed != other.recipe.seed:
            lines.append(
                f"{pair} began from the same weights, but for a head of other classes than theirs, "
                f"which each run draws for itself ({seeds})"
            )
    return lines


def ingredient(run: str) -> Ingredient:
    """A run to average, its weights on the host. Raises UserError where there is none."""
    folder = RunFolder(run)
    recipe = folder.read_recipe()
    data = folder.read_data()
    if data is None:
        raise UserError(f"{run} is a run of a version that kept no list of its images")
    read = read_pretrained(recipe.arch, run)
    digests = ", ".join(f"SHA-256 {sha} of {name}" for name, sha in read.origin.sha256.items())
    return Ingredient(folder, recipe, data, jax.device_get(read.variables), digests)


def refuse_other(first: Ingredient, other: Ingredient) -> None:
    """Raises UserError unless both are of one network, of the same classes, inputs and validation
    images."""
    pairs: Mapping[str, tuple[Any, Any]] = {
        "architectures": (first.recipe.arch, other.recipe.arch),
        "fields of the network": (model_overrides(first.recipe), model_overrides(other.recipe)),
        "classes": (
            (first.data.num_classes, first.data.class_names),
            (other.data.num_classes, other.data.class_names),
        ),
        "inputs": (first.data.input, other.data.input),
        "validation images": (first.data.splits["val"], other.data.splits["val"]),
    }
    for what, (one, two) in pairs.items():
        if one != two:
            shown = f" ({one} and {two})" if what == "architectures" else ""
            raise UserError(
                f"{first.folder.path} and {other.folder.path} are runs of other {what}{shown}; an "
                "average takes runs of one network on one data set"
            )
    shapes = (jax.tree.map(np.shape, each.variables) for each in (first, other))
    if next(shapes) != next(shapes):
        raise UserError(f"{other.folder.path} has arrays of other shapes than {first.folder.path}")


def _batches(subject: Subject) -> Callable[[], Any]:
    source = subject.load("val")
    transforms = subject.input.transforms(subject.data)
    return lambda: subject.batches(source, transforms)


def _measured(
    subject: Subject, variables: Variables, batches: Callable[[], Any]
) -> dict[str, float | int]:
    there = jax.tree.map(lambda new, old: place(new, old.sharding), variables, subject.variables)
    return dict(subject.measure(there, batches()).figures)


def _rank(figures: Mapping[str, float]) -> float:
    """Higher is better; the lowest there is where the loss is not finite."""
    rank = validation_rank(dict(figures))
    return -float("inf") if rank is None else rank[0]


def _shown(figures: Mapping[str, float]) -> str:
    return ", ".join(f"val {name} {value:.4f}" for name, value in figures.items() if name != "n")


def _write(
    folder: RunFolder,
    first: Ingredient,
    variables: Variables,
    val: Mapping[str, float],
    kept: Mapping[str, Any],
    command: str,
) -> None:
    """A run's folder as the first run's, at its end, with these weights."""
    recipe = first.recipe
    row, model_input = learned_from(first.folder, recipe)
    program = build(
        recipe,
        row,
        preprocessing=model_input.preprocessing,
        # The schedule is not asked for.
        steps_per_epoch=1,
        total_steps=1,
    )
    summary = first.folder.read_summary()
    step = first.folder.read_metrics()[-1]["step"] if summary is None else summary["steps"]
    state = program.init_state()
    like = {"params": state.params, "batch_stats": state.batch_stats}
    placed = jax.tree.map(lambda new, old: place(new, old.sharding), variables, like)
    state = state.replace(step=jnp.int32(step), **placed)
    if state.ema_params is not None:
        copies = jax.tree.map(jnp.copy, placed)
        state = state.replace(ema_params=copies["params"], ema_batch_stats=copies["batch_stats"])
    folder.claim(recipe, replace(first.data, command=command), first.folder.read_names())
    folder.write_soup(kept)
    progress = Progress(evaluated_step=step, best={"step": step, **val})
    with Checkpoints(folder.checkpoints, run=first.data.run) as checkpoints:
        checkpoints.save(state, progress, evaluated=True)
        checkpoints.wait()
    folder.write_summary(
        {
            "arch": recipe.arch,
            "dataset": recipe.dataset,
            "seed": recipe.seed,
            "params": program.num_params,
            "steps": step,
            "seconds": 0.0,
            "val": dict(val),
        }
    )
