"""What a run's folder says of the run, as rows for a reader."""

import json
from collections.abc import Mapping
from typing import Any

from jaxcnn.recipe import Recipe, to_json
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.run_data import SPLITS, RunData

OF_SPLIT = {"train": "training", "val": "validation", "test": "test"}


def run_facts(
    folder: RunFolder, *, num_params: int, machine: str | None = None
) -> list[tuple[str, str]]:
    """What was trained on what; `machine` is what it was trained by, where that is known."""
    recipe, kept, summary = folder.read_recipe(), folder.read_data(), folder.read_summary()
    rows = [("network", f"{recipe.arch}, {num_params:,} parameters")]
    if kept is not None:
        rows += _of_data(recipe, kept)
    rows += [("training", _training(recipe, summary)), ("seed", str(recipe.seed))]
    if summary is not None:
        best = ", ".join(f"{name} {value:.4g}" for name, value in summary["val"].items()
                         if value is not None and name != "n")  # fmt: skip
        rows.append(("chosen", f"the best epoch by validation: {best}"))
        rows.append(("time", f"{summary['seconds']:,.0f} seconds"))
    if machine is not None:
        rows.append(("machine", machine))
    if kept is not None:
        rows.append(("versions", ", ".join(f"{k} {v}" for k, v in kept.versions.items())))
        rows += [("changed on the way", line) for line in kept.changed]
    return rows


def recipe_rows(recipe: Recipe) -> list[tuple[str, str]]:
    """Every field and its value, as flags have them."""

    def flat(values: Mapping[str, Any], before: str) -> list[tuple[str, str]]:
        rows = []
        for name, value in values.items():
            flag = f"{before}{name.replace('_', '-')}"
            if isinstance(value, Mapping):
                rows += flat(value, f"{flag}.")
            else:
                rows.append((flag, value if isinstance(value, str) else json.dumps(value)))
        return rows

    return flat(to_json(recipe), "")


def _of_data(recipe: Recipe, kept: RunData) -> list[tuple[str, str]]:
    counts = (f"{kept.splits[split].count:,} {OF_SPLIT[split]}" for split in SPLITS
              if split in kept.splits)  # fmt: skip
    size, channels = kept.input.image_size, kept.input.channels
    rows = [
        ("data", f"{recipe.dataset}, {kept.num_classes} classes; images: {', '.join(counts)}"),
        ("input", f"{size}x{size} pixels, {channels} channel{'s' * (channels > 1)}"),
    ]
    if kept.weights is not None:
        rows.append(("started from", f"{recipe.pretrained} ({kept.weights})"))
    return rows


def _training(recipe: Recipe, summary: Mapping[str, Any] | None) -> str:
    steps = "" if summary is None else f", {summary['steps']:,} steps"
    optim, schedule = recipe.optim, recipe.schedule
    return (
        f"{recipe.epochs} epochs{steps} of {recipe.batch_size} images by {optim.name}, rate "
        f"{optim.lr:g}, weight decay {optim.weight_decay:g}, {schedule.name} schedule, "
        f"{recipe.precision}"
    )
