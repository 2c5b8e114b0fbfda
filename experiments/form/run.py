"""A claim's runs, trained where they are not yet, measured, and written down."""

import hashlib
import json
import os
import platform
import subprocess
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import jax
from rich.console import Console

from experiments.form import results
from experiments.form.claim import Claim, Run
from experiments.form.results import Made
from experiments.form.table import Row, Table
from jaxcnn.files.cpu_info import cpu_info, cpu_model
from jaxcnn.recipe import Recipe, to_json, with_model
from jaxcnn.sweeps import sweep

HERE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Options:
    quick: bool = False
    """Two steps on the embedded digits of one run, which stands for the others, small: shows that
    it runs, not what is so."""
    data_dir: str | None = None
    """TFDS directory; $JAXCNN_DATA_DIR, else TFDS's own default."""
    workdir: str = "runs/experiments"
    """Where the runs are kept; what is done there is not done again."""


def run(claim: Claim, options: Options, console: Console) -> tuple[Table, Path]:
    """What was measured, and the folder that has it: of --quick not where results are kept."""
    began, commit = time.monotonic(), _commit(claim)
    workdir = Path(options.workdir)
    if options.quick:
        folder, seeds = workdir / "quick" / "results" / claim.name, [0]
        *_, last = claim.runs.values()
        recipes = dict.fromkeys(claim.runs, quick(claim, last))
        # What is the same is run once, for whichever claim.
        places = {name: f"quick/{_digest(recipe)}" for name, recipe in recipes.items()}
    else:
        folder, seeds = HERE / results.FOLDER / claim.name, list(range(claim.seeds))
        recipes = {n: replace(r, data_dir=options.data_dir) for n, r in claim.runs.items()}
        places = {name: f"{claim.name}/{name}" for name in recipes}
    by_place = {places[name]: recipe for name, recipe in recipes.items()}
    spent = workdir / ("quick" if options.quick else "") / f"{claim.name}.json"
    before = json.loads(spent.read_text()) if spent.exists() else 0.0
    try:
        runs = sweep(by_place, seeds, workdir, console=console, together=len(seeds) > 1)
        rows = [
            _row(claim, name, workdir / place / f"s{seed}", summary)
            for name, place in places.items()
            for seed, summary in zip(seeds, runs[place], strict=True)
        ]
    finally:
        seconds = before + time.monotonic() - began
        spent.parent.mkdir(parents=True, exist_ok=True)
        spent.write_text(json.dumps(seconds))
    table = Table(tuple(rows))
    results.write(folder, claim, table, _made(claim, options, commit, seconds))
    return table, folder


def quick(claim: Claim, recipe: Recipe) -> Recipe:
    """A run of seconds that goes the same way."""
    small = with_model(recipe, **claim.quick_model) if claim.quick_model else recipe
    return replace(
        small,
        dataset="digits",
        data_dir=None,
        epochs=1,
        steps=2,
        batch_size=min(32, recipe.batch_size),
        schedule=replace(recipe.schedule, warmup_epochs=0.0),
        augment=replace(recipe.augment, flip=False, policy=None),
    )


def _row(claim: Claim, name: str, folder: Path, summary: dict) -> Row:
    measured = Run(name, folder, summary)
    figures = {name: measure.of(measured) for name, measure in claim.measures.items()}
    of_every_run = {"params": summary["params"], "seconds": round(summary["seconds"], 1)}
    return Row(name, summary["seed"], figures | of_every_run)


def _digest(recipe: Recipe) -> str:
    return hashlib.sha256(json.dumps(to_json(recipe), sort_keys=True).encode()).hexdigest()[:12]


def _made(claim: Claim, options: Options, commit: str, seconds: float) -> Made:
    flags = " --quick" if options.quick else " --data-dir=DIR"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Made(
        command=claim.command + flags,
        commit=commit,
        seconds=round(seconds, 1),
        machine=f"{_processor()}, {cores} cores",
        versions=f"Python {platform.python_version()}, jax {jax.__version__}",
    )


def _processor() -> str:
    """The maker's name, with the family and the model by which a virtual machine's is told."""
    told = [line.partition(":") for line in cpu_info()]
    numbers = {name.strip(): value.strip() for name, _, value in reversed(told)}
    if "cpu family" not in numbers:
        return cpu_model()
    return f"{cpu_model()} (family {numbers['cpu family']}, model {numbers['model']})"


def _commit(claim: Claim) -> str:
    """Short, with "+" where what computes the results was changed since; "unknown" outside a
    repository."""
    git = partial(subprocess.run, cwd=HERE, capture_output=True, text=True, check=True)
    code = ["jaxcnn", "experiments/form", f"experiments/{claim.name}.py"]
    try:
        commit = git(["git", "rev-parse", "--short=12", "HEAD"]).stdout.strip()
        changed = git(["git", "status", "--porcelain", "--", *code]).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}+" if changed else commit
