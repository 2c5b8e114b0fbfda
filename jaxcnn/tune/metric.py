"""By which figure trials are judged."""

from collections.abc import Iterable

from jaxcnn.data import dataset_at, load_split
from jaxcnn.engine.program import build
from jaxcnn.recipe import Recipe, data_place
from jaxcnn.task.metrics import headline


def metric_of(recipes: Iterable[Recipe]) -> str:
    """The headline of validation: "top1", or "mAP" where images show several classes.

    Raises UserError where the data is missing or the first recipe's model cannot be: before a
    trial, not in each.
    """
    first = next(iter(recipes))
    place = data_place(first)
    data = dataset_at(first.dataset, place)
    for split in ("train", "val"):
        load_split(data, split, place)
    program = build(first, data, steps_per_epoch=1, total_steps=1)
    return headline(dict.fromkeys(program.task.metrics.figures, 0.0))
