"""Classes from a CSV file, as half of the world's sets come: columns path, label, maybe split, and
maybe group, of pictures that belong together and fall to one split.

    path,label,split
    images/1.jpg,cat,train
    images/2.jpg,dog,test

Paths are below the data directory, or absolute ones that lead there. Other columns are ignored.
"""

import csv
import io
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from jaxcnn.data.errors import DataError, DataNotFound
from jaxcnn.data.sources.folder.contents import Contents, Picture, contents
from jaxcnn.data.sources.folder.names import split_called
from jaxcnn.data.sources.picture_files import Found, check_name, look_below
from jaxcnn.files import own_files
from jaxcnn.text.phrases import first_few

COLUMNS = ("path", "label")
MOST_BYTES = 256 * 10**6  # Lines for millions of pictures.


def told_by(root: Path, file: Path) -> Contents:
    """The pictures below `root` that `file` names.

    Raises DataError, naming the line, for what is no such table; DataNotFound where the file is not
    there, or nothing that it names.
    """
    found: dict[str, dict[str, list[Picture]]] = {}
    lines: dict[Path, tuple[int, Mapping[str, str]]] = {}
    again: list[Path] = []
    has_splits: bool | None = None
    has_groups: bool | None = None
    for number, row in _rows(file):
        where = f"{file}, line {number}"
        path = _below(root, row["path"], where)
        check_name(path)
        if not row["label"]:
            raise DataError(f"{where}: {row['path']} has no label; give it one, or leave it out")
        if path in lines:
            before, other = lines[path]
            if row != other:
                raise DataError(
                    f"{where}: {row['path']} stands in line {before} with another label or split; "
                    "remove one of them"
                )
            again.append(path)
            continue
        lines[path] = number, row
        if has_splits not in (None, bool(row["split"])):
            raise DataError(f"{where}: some pictures have a split and some have none; give it all")
        has_splits = bool(row["split"])
        split = split_called(row["split"]) if has_splits else "all"
        if split is None:
            raise DataError(f"{where}: {row['split']} is no split; write train, val or test")
        if has_groups not in (None, bool(row["group"])):
            raise DataError(f"{where}: some pictures have a group and some have none; give it all")
        has_groups = bool(row["group"])
        # A group stays together: it is drawn as one.
        drawn_by = row["group"] or path.relative_to(root).as_posix()
        picture = Picture(path, drawn_by, row["group"] or None)
        found.setdefault(split, {}).setdefault(row["label"], []).append(picture)
    if not lines:
        raise DataNotFound(f"{file} has no line below its first; it should name a picture in each")
    notes = []
    if again:
        names = first_few([path.relative_to(root) for path in again])
        notes.append(
            f"lines of {file} that repeat one before, counted once ({len(again):,}): {names}"
        )
    notes += _compared(root, file, lines.keys())
    for by_class in found.values():
        for pictures in by_class.values():
            pictures.sort()  # As the file's lines may come in any order.
    return contents(root, found, notes)


def _rows(file: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Line number, and the columns path, label, split and group, without blanks around them."""
    try:
        # What Excel saves as UTF-8 begins with a mark.
        text = io.StringIO(own_files.read(file, MOST_BYTES).decode("utf-8-sig"), newline="")
        reader = csv.DictReader(text)
        columns = {(name or "").strip().lower(): name for name in reader.fieldnames or ()}
        if missing := [name for name in COLUMNS if name not in columns]:
            raise DataError(
                f"{file} has no column {' and no column '.join(missing)}; its first line "
                f"is {','.join(columns) or 'empty'}, and should be path,label or "
                "path,label,split"
            )
        for row in reader:
            yield (
                reader.line_num,
                {
                    name: (row.get(columns.get(name, name)) or "").strip()
                    for name in (*COLUMNS, "split", "group")
                },
            )
    except OSError as error:
        raise DataNotFound(f"--labels={file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8; save it as UTF-8") from error
    except csv.Error as error:
        raise DataError(f"{file} is not a CSV file: {error}") from error


def _below(root: Path, name: str, where: str) -> Path:
    if not name:
        raise DataError(f"{where} has no path; name a picture, or remove the line")
    below = os.path.relpath(name, os.path.abspath(root)) if os.path.isabs(name) else name
    below = os.path.normpath(below)
    if below.split(os.sep)[0] == os.pardir or os.path.isabs(below):
        raise DataError(f"{where}: {name} is not below --data-dir={root}; give a folder above it")
    return root / below


def _compared(root: Path, file: Path, named: Collection[Path]) -> Iterator[str]:
    """What the file names and the folder lacks, and the other way round, a line each."""
    there = Found()
    look_below(root, there)
    pictures = set(there.pictures)
    missing = [path for path in named if path not in pictures and not path.is_file()]
    if len(missing) == len(named):
        raise DataNotFound(
            f"none of the {len(named):,} pictures of {file} is in {root}, {missing[0]} for one; "
            "give as --data-dir the folder that its paths start from"
        )
    kinds: Mapping[str, Sequence[Path]] = {
        f"pictures of {file} that are not there": missing,
        f"pictures that {file} does not name, not used": sorted(pictures - set(named)),
    }
    for kind, paths in kinds.items():
        if paths:
            yield f"{kind} ({len(paths):,}): {first_few([p.relative_to(root) for p in paths])}"
