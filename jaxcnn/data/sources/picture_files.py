"""Which files are pictures: found by their suffixes below folders, links to folders followed.

What no person put there is ignored, by its name: files and folders that begin with a dot
(`.ipynb_checkpoints`, a Mac's `._photo.jpg`), `__MACOSX`, `@eaDir` and `Thumbs.db`.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jaxcnn.data.errors import DataError, DataNotFound
from jaxcnn.files.paths import expanded

# What Pillow reads of what people keep photographs in.
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".avif", ".gif", ".tif", ".tiff"}
    | {".bmp", ".dib", ".tga", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm"}
)
LITTER = frozenset({"__MACOSX", "@eaDir", "Thumbs.db"})


@dataclass
class Found:
    """What there is in a folder, or below folders; of each folder in sorted order.

    Attributes:
        pictures: files that are pictures by their suffix.
        others: files of other suffixes.
        folders: those in a folder.
        ignored: files and folders that are ignored by their names.
        loops: links to a folder that they are themselves below; they are not followed.
    """

    pictures: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    ignored: list[Path] = field(default_factory=list)
    loops: list[Path] = field(default_factory=list)


def list_folder(folder: Path) -> Found:
    """What is in a folder itself.

    Raises DataError if it may not be read, and for a picture whose name is no text.
    """
    found = Found()
    if not os.access(folder, os.R_OK | os.X_OK):
        raise DataError(f"{folder} cannot be read: Permission denied")
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = folder / entry.name
            if entry.name.startswith(".") or entry.name in LITTER:
                found.ignored.append(path)
            elif _is_folder(entry):
                found.folders.append(path)
            elif is_picture(entry.name):
                check_name(path)
                found.pictures.append(path)
            else:
                found.others.append(path)
    return found


def look_below(folder: Path, found: Found, above: tuple[tuple[int, int], ...] = ()) -> None:
    """Adds what is in `folder` and below it to `found`; folders are looked into, not added.

    `above` has `itself` of each folder above it, that the way here came through.
    """
    own = itself(folder)
    if own in above:
        found.loops.append(folder)
        return
    here = list_folder(folder)
    found.others += here.others
    found.ignored += here.ignored
    # An empty folder that is called as a picture is to be named when it is read.
    folders = {path for path in here.folders if not is_picture(path.name) or any(path.iterdir())}
    for path in sorted([*here.pictures, *here.folders], key=lambda path: path.name):
        if path in folders:
            look_below(path, found, (*above, own))
        else:
            found.pictures.append(path)


def itself(folder: Path) -> tuple[int, int]:
    """Device and inode: what a folder and a link to it have in common."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def is_picture(name: str) -> bool:
    """By its suffix."""
    return os.path.splitext(name)[1].lower() in SUFFIXES


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # A link to itself.
        return False


def pictures_below(folder: Path) -> Iterator[Path]:
    """Pictures in `folder` and its folders, in sorted order; see `look_below`."""
    found = Found()
    look_below(folder, found)
    yield from found.pictures


def check_name(path: Path) -> None:
    """Raises DataError unless the name is UTF-8, as everything that is to name it has to be."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise DataError(f"the name of {os.fsencode(path)!r} is not UTF-8; rename it") from None


def find_pictures(places: Sequence[str]) -> tuple[Path, ...]:
    """Files as they are given, folders as the pictures below them.

    Raises DataNotFound for a place that does not exist and for a folder without pictures.
    """
    found: list[Path] = []
    for place in (Path(expanded(place)) for place in places):
        try:
            pictures = list(pictures_below(place)) if place.is_dir() else [place]
            exists = place.is_dir() or place.is_file()
        except OSError as error:
            raise DataNotFound(f"{place} cannot be read: {error.strerror}") from error
        if not exists:
            raise DataNotFound(f"no file or folder {place}; give pictures, or folders of them")
        if not pictures:
            kinds = ", ".join(sorted(SUFFIXES))
            raise DataNotFound(f"{place} has no picture ({kinds}); give others by their names")
        found += pictures
    return tuple(found)
