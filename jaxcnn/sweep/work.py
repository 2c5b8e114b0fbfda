"""What recipes come to, before any is run: one that cannot be is found now, not after hours."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from jaxcnn.data import dataset_at, load_split
from jaxcnn.data.spec import groups_of
from jaxcnn.discovery import look_up
from jaxcnn.engine.gmacs import gmacs
from jaxcnn.engine.program import build
from jaxcnn.errors import UserError
from jaxcnn.recipe import Recipe, data_place, note_of_default
from jaxcnn.run.pretrained import of_its_weights
from jaxcnn.task.metrics import headline


@dataclass(frozen=True)
class Work:
    """Of a recipe.

    Attributes:
        gmacs: 1e9 multiply-accumulates of one image's forward pass.
        figures: what its runs are measured by.
    """

    gmacs: float
    figures: tuple[str, ...]


def of_their_weights(
    recipes: Mapping[str, Recipe], say: Callable[[str], object]
) -> dict[str, Recipe]:
    """The recipes as `of_its_weights` has them; `say` is told each note once."""
    notes: list[str | None] = []
    found = {name: of_its_weights(recipe, notes.append) for name, recipe in recipes.items()}
    notes += map(note_of_default, found.values())
    for note in filter(None, dict.fromkeys(notes)):
        say(note)
    return found


def work_of(recipes: Mapping[str, Recipe]) -> dict[str, Work]:
    """Raises UserError, naming the recipe, where one's data is missing or its model cannot be."""
    work = {}
    for name, recipe in recipes.items():
        try:
            data = dataset_at(recipe.dataset, data_place(recipe))
            program = build(recipe, data, steps_per_epoch=1, total_steps=1)
            figures = (*program.task.metrics.figures, "loss")
            work[name] = Work(gmacs(program), figures)
        except UserError as error:
            raise UserError(f"{name}: {error}") from error
    return work


def about_folds(recipes: Mapping[str, Recipe], folds: int, seed: int) -> list[str]:
    """What to know of the folds of these recipes, a line each.

    Raises UserError where the data cannot be divided so.
    """
    lines = []
    for recipe in recipes.values():
        place = data_place(recipe)
        data = dataset_at(recipe.dataset, place)
        for number in range(1, folds + 1):
            of_fold = data_place(replace(recipe, fold=f"{number}/{folds}", seed=seed))
            part = load_split(dataset_at(recipe.dataset, of_fold), "val", of_fold)
        if groups_of(part) is not None:
            lines.append(f"The folds of {recipe.dataset} divide it by whole groups.")
        if "test" not in data.splits:
            lines.append(
                f"{recipe.dataset} comes without a test split: what the protocol holds out for one "
                "is the same for all folds, and was not opened."
            )
    return list(dict.fromkeys(lines))


def metric_of(work: Iterable[Work], asked: str | None) -> str:
    """The figure to compare by. Raises UserError for one that some recipe is not measured by."""
    first, *others = (of_recipe.figures for of_recipe in work)
    shared = [figure for figure in first if all(figure in figures for figures in others)]
    if asked is None:
        return headline(dict.fromkeys([name for name in shared if name != "loss"] or first, 0.0))
    look_up(dict.fromkeys(shared), asked, "metric")
    return asked
