"""Which explanations name the pixels that a network goes by, and depend on what it has learned?

    python -m experiments.explanations_checked --data-dir=FOLDER --pretrained=FILE.pth

Photographs are taken evenly from the sorted files below a folder, and each method explains their
most probable class. Then squares of 16 x 16 pixels are deleted from the photograph, or inserted
into its blurred copy, in the order of the map, and the class's probability followed (RISE's curves,
by squares so that a random order of the same squares compares); and the map is compared, by rank
correlation, with that of the same network with all its weights as before training. A method that
takes seconds explains fewer photographs, every 5th, 20th or 40th; they are counted in the table.
Beside the table, OUTPUT has it in Markdown, and a CSV file with a row for each photograph.

Columns: the mean area under the curve of deletion, that of a random order, and on which share of
photographs the method's is below; the same of insertion, and where it is above; the median rank
correlation with the map of the randomised network, and the photographs where one of both maps is
flat, without an order; the median of seconds a photograph for the explanation alone.

Of EfficientNet-Lite0, on two cores of an AMD EPYC, Python 3.13, jax 0.12.0.1, other jobs beside:

    method                  n  deletion random below  insertion random above  randomised seconds
    grad_cam              200     0.193  0.206  0.50      0.519  0.272  0.97        0.10    0.02
    grad_cam_plus_plus    200     0.197  0.206  0.50      0.509  0.272  0.96        0.47    0.02
    guided_backprop       200     0.163  0.206  0.67      0.489  0.272  0.96        0.26    0.10
    smooth_grad            40     0.168  0.218  0.68      0.502  0.280  0.95        0.19    4.31
    integrated_gradients   40     0.143  0.218  0.85      0.355  0.280  0.80        0.00    2.28
    occlusion              10     0.228  0.228  0.60      0.505  0.285  1.00        0.10    5.26
    score_cam               5     0.229  0.259  0.80      0.554  0.322  1.00       -0.07   54.08

By insertion all beat a random order, on most photographs; by deletion Grad-CAM and Grad-CAM++ on
half of them, as by chance. Grad-CAM++'s maps depend least on what was learned: 0.47.
"""

import csv
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from rich.console import Console
from rich.table import Table

from experiments import command
from jaxcnn import explain
from jaxcnn.data.sources.picture_files import find_pictures
from jaxcnn.data.sources.pictures import Pictures
from jaxcnn.errors import UserError
from jaxcnn.explain.faithfulness import deletion, insertion
from jaxcnn.explain.randomised_weights import randomised, rank_correlation
from jaxcnn.models.spec import Variables
from jaxcnn.predict.prediction import published_classifier
from jaxcnn.task.mixing import normalize

PROGRAM = "python -m experiments.explanations_checked"
TOGETHER = 5  # Photographs that are explained at once.
SQUARE_PIXELS = 16
RANDOM = "random order"
Explain = Callable[[nn.Module, Variables, jax.Array, jax.Array], jax.Array]


@dataclass(frozen=True)
class Options:
    data_dir: str
    """Folder of photographs, in folders of their own or not."""
    pretrained: str
    """The weights: a .safetensors or .pth file, or hf:timm/NAME."""
    arch: str = "efficientnet_lite0"
    """The architecture that they are of."""
    count: int = 200
    """Photographs; a multiple of 5."""
    steps: int = 7
    """Of each curve."""
    methods: tuple[str, ...] = ()
    """Those to check; all if not given."""
    output: str = "runs/explanations_checked"
    """Where the CSV file and the Markdown table go."""


@dataclass(frozen=True)
class Row:
    """What was measured of one photograph by one method; of a random order the curves alone."""

    method: str
    photograph: str
    deletion: float
    insertion: float
    random_deletion: float
    random_insertion: float
    randomisation: float
    seconds: float


def by_squares(
    model: nn.Module, variables: Variables, images: jax.Array, classes: jax.Array
) -> jax.Array:
    """Occlusion as `predict` has it; a pixel gets the mean of the squares that covered it."""
    pixels = images.shape[1]
    size, stride = max(1, pixels // 4), max(1, pixels // 16)
    drops = explain.occlusion(model, variables, images, classes, size, stride)
    first = stride * jnp.arange(drops.shape[1])[:, None]
    covers = ((first <= jnp.arange(pixels)) & (jnp.arange(pixels) < first + size)).astype(float)
    total = jnp.einsum("nij,ih,jw->nhw", drops, covers, covers)
    number = covers.sum(0)
    return total / jnp.maximum(number[:, None] * number, 1)


def smooth(
    model: nn.Module, variables: Variables, images: jax.Array, classes: jax.Array
) -> jax.Array:
    return jnp.abs(explain.smooth_grad(model, variables, images, classes, jax.random.key(0))).sum(
        -1
    )


def by_integrated_gradients(
    model: nn.Module, variables: Variables, images: jax.Array, classes: jax.Array
) -> jax.Array:
    """In as many steps for each photograph: an untrained network's logits may never add up."""
    return explain.integrated_gradients(model, variables, images, classes, steps=32).sum(-1)


# A map [N, H, W] for each, and of how many photographs it explains one.
METHODS: dict[str, tuple[Explain, int]] = {
    "grad_cam": (explain.grad_cam, 1),
    "grad_cam_plus_plus": (explain.grad_cam_plus_plus, 1),
    "guided_backprop": (lambda *about: jnp.abs(explain.guided_backprop(*about)).sum(-1), 1),
    "attention_rollout": (lambda *about: explain.attention_rollout(*about[:3]), 1),
    "smooth_grad": (smooth, 5),
    "occlusion": (by_squares, 20),
    "integrated_gradients": (by_integrated_gradients, 5),
    "score_cam": (explain.score_cam, 40),
}


def experiment(options: Options, console: Console) -> Table:
    if options.count < 1 or options.count % TOGETHER:
        raise UserError(f"--count={options.count} must be a multiple of {TOGETHER} above 0")
    if unknown := [name for name in options.methods if name not in METHODS]:
        raise UserError(f"no method {unknown[0]!r}; there are {', '.join(METHODS)}")
    paths = find_pictures([options.data_dir])
    if len(paths) < options.count:
        raise UserError(f"{options.data_dir} has {len(paths)} photographs; --count says how many")
    paths = [paths[i * len(paths) // options.count] for i in range(options.count)]
    output = Path(options.output)
    output.mkdir(parents=True, exist_ok=True)

    check = Check(options, paths)
    rows: list[Row] = []
    left_out: list[str] = []
    for name, (_, every) in METHODS.items():
        if options.methods and name not in options.methods:
            continue
        number = max(TOGETHER, options.count // every // TOGETHER * TOGETHER)
        chosen = [i * options.count // number for i in range(number)]
        try:
            for start in range(0, number, TOGETHER):
                rows += check.rows(name, chosen[start : start + TOGETHER])
        except UserError as error:
            left_out.append(str(error))
            continue
        console.print(markdown_row(summary(name, rows)), soft_wrap=True)
        write(output, rows)  # So that what was measured is there, whatever comes.
    table = Table(title=f"{options.arch}, {options.count} photographs")
    for column in ("method", "n", "deletion", "insertion", "randomised", "seconds"):
        table.add_column(column)
    for name in dict.fromkeys(row.method for row in rows):
        method, number, down, at1, below, up, at2, above, alike, flat, seconds = summary(name, rows)
        by_deletion, by_insertion = f"{down} ({at1}, {below})", f"{up} ({at2}, {above})"
        table.add_row(method, number, by_deletion, by_insertion, f"{alike} ({flat})", seconds)
    table.caption = "; ".join(left_out)
    return table


class Check:
    """A network, its twin before training, and photographs, each with a random order."""

    def __init__(self, options: Options, paths: Sequence[Path]) -> None:
        classifier = published_classifier(options.arch, options.pretrained)
        self.model, self.variables = classifier.model, classifier.variables
        preprocessing = classifier.preprocessing
        self.normalized = partial(normalize, mean=preprocessing.mean, std=preprocessing.std)
        self.paths = paths
        self.source = Pictures(
            paths, channels=classifier.data.channels, transforms=classifier.transforms
        )
        key = jax.random.key(0)
        self.untrained = jax.jit(partial(randomised, self.model))(
            self.variables, key, self.images([0])
        )
        self.most_probable = jax.jit(partial(most_probable, self.model))
        curve = {"steps": options.steps, "square": SQUARE_PIXELS}
        self.curves = jax.jit(partial(areas, self.model, **curve))
        self.correlation = jax.jit(rank_correlation)
        self.compiled: dict[str, Any] = {}
        self.random: dict[int, tuple[float, float]] = {}

    def images(self, chosen: Sequence[int]) -> jax.Array:
        return self.normalized(jnp.asarray(np.stack([self.source[i]["image"] for i in chosen])))

    def rows(self, name: str, chosen: Sequence[int]) -> list[Row]:
        """What is measured of photographs, by their numbers, which are as many each time."""
        images = self.images(chosen)
        classes = self.most_probable(self.variables, images)
        about = self.variables, images, classes
        if name not in self.compiled:
            method = partial(METHODS[name][0], self.model)
            self.compiled[name] = jax.jit(method).lower(*about).compile()
        method = self.compiled[name]
        start = time.perf_counter()
        maps = jax.block_until_ready(method(*about))
        seconds = (time.perf_counter() - start) / len(chosen)
        alike = self.correlation(maps, method(self.untrained, images, classes))
        deleted, inserted = self.curves(*about, maps)
        self.add_random(chosen, about)
        return [
            Row(
                name,
                str(self.paths[i]),
                float(deleted[row]),
                float(inserted[row]),
                *self.random[i],
                float(alike[row]),
                seconds,
            )
            for row, i in enumerate(chosen)
        ]

    def add_random(self, chosen: Sequence[int], about: Any) -> None:
        """The areas of each photograph's own random order, which is the same for all methods."""
        if all(i in self.random for i in chosen):
            return
        maps = jnp.stack(
            [jax.random.uniform(jax.random.key(i), about[1].shape[1:3]) for i in chosen]
        )
        deleted, inserted = (areas.tolist() for areas in self.curves(*about, maps))
        self.random |= dict(zip(chosen, zip(deleted, inserted, strict=True), strict=True))


def most_probable(model: nn.Module, variables: Variables, images: jax.Array) -> jax.Array:
    logits: Any = model.apply(variables, images, train=False)
    return logits.argmax(-1)


def areas(
    model: nn.Module,
    variables: Variables,
    images: jax.Array,
    classes: jax.Array,
    maps: jax.Array,
    *,
    steps: int,
    square: int,
) -> tuple[jax.Array, jax.Array]:
    """Of deletion and insertion, [N] each."""
    about = model, variables, images, classes, maps, steps, square
    return deletion(*about).area, insertion(*about).area


COLUMNS = (
    "method",
    "photographs",
    "deletion",
    "random",
    "below",
    "insertion",
    "at random",
    "above",
    "randomised",
    "flat",
    "seconds",
)


def summary(method: str, rows: Sequence[Row]) -> list[str]:
    """A row of the table: means, the share of photographs on which the method beats the random
    order, the correlation's median, of how many maps it has none, and the seconds' median."""
    own = [row for row in rows if row.method == method]
    mean = {name: np.mean([getattr(row, name) for row in own]) for name in CURVES}
    fewer = np.mean([row.deletion < row.random_deletion for row in own])
    more = np.mean([row.insertion > row.random_insertion for row in own])
    known = [row.randomisation for row in own if np.isfinite(row.randomisation)]
    return [
        method,
        str(len(own)),
        f"{mean['deletion']:.3f}",
        f"{mean['random_deletion']:.3f}",
        f"{fewer:.2f}",
        f"{mean['insertion']:.3f}",
        f"{mean['random_insertion']:.3f}",
        f"{more:.2f}",
        f"{statistics.median(known):.2f}" if known else "–",
        str(len(own) - len(known)),
        f"{statistics.median(row.seconds for row in own):.2f}",
    ]


CURVES = ("deletion", "insertion", "random_deletion", "random_insertion")


def markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def write(output: Path, rows: Sequence[Row]) -> None:
    with (output / "explanations.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(Row.__dataclass_fields__))
        writer.writeheader()
        writer.writerows(vars(row) for row in rows)
    lines = [COLUMNS, ["---"] + ["--:"] * (len(COLUMNS) - 1)]
    lines += [summary(name, rows) for name in dict.fromkeys(row.method for row in rows)]
    text = "".join(markdown_row(cells) + "\n" for cells in lines)
    (output / "explanations.md").write_text(text)


main = partial(command.main, PROGRAM, Options, experiment, __doc__)


if __name__ == "__main__":
    sys.exit(main())
