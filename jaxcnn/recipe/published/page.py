"""The recipes in Markdown, for docs/imagenet.md: each field of a source beside what it is here."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from jaxcnn.recipe.fields import Recipe
from jaxcnn.recipe.published import PUBLISHED, Published
from jaxcnn.recipe.published.row import Fields, Pair


def table() -> str:
    return "\n".join(line for name, row in PUBLISHED.items() for line in _recipe(name, row))


def _recipe(name: str, row: Published) -> Iterator[str]:
    first = next(iter(row.sizes))
    pairs = row.pairs(first)
    figures = "; ".join(_figure(arch, size.top1) for arch, size in row.sizes.items())
    yield from (f"### {name}", "", f"For {', '.join(row.datasets)}. {_top1(row)}: {figures}.", "")
    yield from ("Sources: " + ", ".join(f"<{url}>" for url in row.sources) + ".", "")
    if own := [f"`{arch}` {_words(size.given)}" for arch, size in row.sizes.items() if size.given]:
        yield from ("Of their own: " + "; ".join(own) + ".", "")
    summary = f"<details><summary>Field by field, of {first}</summary>"
    yield from (summary, "", "| the source's | here |", "|---|---|")
    for entry in pairs:
        if not _says_nothing(entry, row.source.defaults):
            yield f"| {_words(entry.theirs)} | {' '.join(map(_flag, entry.ours.items())) or '–'} |"
    yield from ("", "</details>", "")
    differs = dict.fromkeys([entry.differs for entry in pairs if entry.differs])
    if row.differs:
        differs[row.differs] = None
    yield f"Rate and batch: {row.scaling}. At the source: {'; '.join(differs) or 'nothing else'}."
    yield ""


def _top1(row: Published) -> str:
    if not any(size.top1 for size in row.sizes.values()):
        return "The source has no figure"
    return "Top-1 by the source, percent"


def _figure(arch: str, top1: tuple[float, ...]) -> str:
    return f"`{arch}`" + "".join(f" {figure:.4g}," for figure in top1).rstrip(",")


def _says_nothing(entry: Pair, defaults: Fields) -> bool:
    """Whether a pair is a default there and a default here."""
    theirs = all(name in defaults and defaults[name] == v for name, v in entry.theirs.items())
    return theirs and not entry.differs and entry.ours.items() <= DEFAULTS.items()


def _words(fields: Fields) -> str:
    """`lr 0.5`, `opt sgd`; a cell of a table would end at a bar."""
    words = ", ".join(f"`{name} {_value(value)}`" for name, value in fields.items())
    return words.replace("|", "\\|")


def _flag(setting: tuple[str, Any]) -> str:
    name, value = setting
    group, _, last = name.replace("_", "-").rpartition(".")
    prefix = f"--{group}." if group else "--"
    match value:
        case True:
            return f"`{prefix}{last}`"
        case False:
            return f"`{prefix}no-{last}`"
        case tuple():
            return f"`{prefix}{last} {_value(value)}`"
        case _:
            return f"`{prefix}{last}={_value(value)}`"


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_value, value))
    return f"{value:.8g}" if isinstance(value, float) else str(value)


def _flat(fields: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{name}.")
        else:
            yield prefix + name, value


DEFAULTS: Fields = dict(_flat(asdict(Recipe(""))))
