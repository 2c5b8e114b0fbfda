"""Groups of images, from a CSV file: whether a model is as good for all of them."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from jaxcnn.errors import UserError
from jaxcnn.files import own_files
from jaxcnn.files.paths import expanded
from jaxcnn.text.phrases import first_few

KEYS = ("path", "index")
# An image that the file has no row of, or an empty cell.
NO_GROUP = "(none)"
MOST_GROUPS = 1_000


def read_groups(file: str, names: Sequence[str] | None, number: int) -> dict[str, list[str]]:
    """By each of the file's columns but the first, the group of each image.

    Args:
        file: a CSV file with a row an image and a line of names above: `path` as in
            predictions.csv, or `index` where images have no names, and a column for each way to
            group them, as "sex" or "camera".
        names: of the images; None where they have none.
        number: of the images.

    Raises UserError for what is no such file, for a row of no image here, or two of one.
    """
    path = Path(expanded(file))
    try:
        text = own_files.read(path).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"--groups={file} does not exist; give a CSV file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"--groups={file} is no text in UTF-8; save it so") from error
    head, *rows = list(csv.reader(io.StringIO(text, newline=""))) or [[]]
    key, *columns = head or [""]
    wanted = "index" if names is None else "path"
    if key != wanted or not columns:
        raise UserError(
            f"--groups={file} begins with {','.join(head)!r}; its first line must be {wanted!r} "
            "and the names of the groupings, as in path,camera"
        )
    if len(set(columns)) < len(columns):
        raise UserError(f"--groups={file} has a column twice; name each once")
    places = {name: place for place, name in enumerate(names or map(str, range(number)))}
    found: dict[str, list[str]] = {column: [NO_GROUP] * number for column in columns}
    seen: set[str] = set()
    for line, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(row) != len(head):
            raise UserError(f"--groups={file}, line {line}, has {len(row)} cells, not {len(head)}")
        name, *groups = row
        if name not in places or name in seen:
            why = "twice there" if name in seen else f"none of the {number:,} images measured"
            raise UserError(f"--groups={file}, line {line}: {name!r} is {why}")
        seen.add(name)
        for column, group in zip(columns, groups, strict=True):
            found[column][places[name]] = group.strip() or NO_GROUP
    for column, groups in found.items():
        if len(set(groups)) > MOST_GROUPS:
            raise UserError(
                f"--groups={file}: {column} has {len(set(groups)):,} groups; {MOST_GROUPS:,} are "
                "the most: put values into ranges"
            )
    return found


def without_a_group(groups: Mapping[str, Sequence[str]], names: Sequence[str] | None) -> str | None:
    """Which images no column tells the group of, in a line; None if there are none."""
    number = len(next(iter(groups.values())))
    alone = [i for i in range(number) if all(each[i] == NO_GROUP for each in groups.values())]
    if not alone:
        return None
    shown = first_few([names[i] if names else i for i in alone])
    return f"{len(alone):,} of {number:,} images have no group, and stand as {NO_GROUP}: {shown}"
