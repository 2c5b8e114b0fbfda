"""The recipe of a trial: what is fixed, and the values that were drawn."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from jaxcnn.errors import UserError
from jaxcnn.ranges import check_ranges
from jaxcnn.recipe import Recipe
from jaxcnn.recipe.by_name import with_fields
from jaxcnn.recipe.flags import DEFAULTING_FIELDS, defaulting_flags
from jaxcnn.tune.space import Choices, Search

# More than anyone means: architectures with each other's weights and published recipes.
MOST_FIXED = 200


@dataclass(frozen=True)
class Recipes:
    """Of a search.

    Attributes:
        search: its fields.
        fixed: the recipes that trials begin with, by the values of those searched fields that the
            defaults of others follow; one, by (), where none such is searched.
    """

    search: Search
    fixed: Mapping[tuple[str, ...], Recipe]

    def of(self, values: Mapping[str, Any]) -> Recipe:
        """That of a trial. Raises UserError for a field that the architecture has not."""
        return with_fields(self.fixed[defaulting_flags(values)], values)


def recipes_of(search: Search, parse: Callable[[tuple[str, ...]], Recipe]) -> Recipes:
    """`parse` gives the recipe of the flags that were typed and those that it is given.

    Raises UserError where a value that a field may get is out of its range, or of no field of an
    architecture that is searched.
    """
    begun = list(_defaulting(search))
    if len(begun) > MOST_FIXED:
        raise UserError(
            f"--search: {', '.join(field for field in search if field in DEFAULTING_FIELDS)} have "
            f"{len(begun):,} combinations; {MOST_FIXED} are the most"
        )
    fixed = {defaulting_flags(choice): parse(defaulting_flags(choice)) for choice in begun}
    # What goes together is seen when it is drawn: a fixed value may go with one choice alone.
    fixed = {flags: replace(recipe, test=False) for flags, recipe in fixed.items()}
    recipes = Recipes(search, fixed)
    for choice in begun:
        for field, domain in search.items():
            for value in domain.ends:
                try:
                    check_ranges(recipes.of({**choice, field: choice.get(field, value)}))
                except UserError as error:
                    raise UserError(f"--search {field}={domain}: {error}") from error
    return recipes


def begun_flags(search: Search) -> Iterator[tuple[str, ...]]:
    """For each combination of searched fields that the defaults of others follow, its flags."""
    return map(defaulting_flags, _defaulting(search))


def _defaulting(search: Search) -> Iterator[dict[str, Any]]:
    names = [name for name in search if name in DEFAULTING_FIELDS]
    domains = [search[name] for name in names]
    values = (domain.values for domain in domains if isinstance(domain, Choices))
    return (dict(zip(names, chosen, strict=True)) for chosen in product(*values))
