"""How a folder lies: a folder per class, with or without one per split above.

photos/train/cat/1.jpg  photos/train/dog/2.png  photos/test/cat/3.jpg     or
photos/cat/1.jpg        photos/dog/2.png
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from jaxcnn.data.errors import DataError, DataNotFound
from jaxcnn.data.sources.folder.contents import ByClass, Contents, Picture, contents
from jaxcnn.data.sources.folder.names import split_called
from jaxcnn.data.sources.picture_files import Found, check_name, itself, list_folder, look_below
from jaxcnn.text.phrases import first_few

GIVE = "give one with a folder per class, or the classes of its pictures by --labels=FILE.csv"


def laid_out(root: Path) -> Contents:
    """What lies in `root`. Raises DataError or DataNotFound where that is no data set."""
    seen = Found()
    top = list_folder(root)
    seen.ignored += top.ignored
    splits = _splits(root, top.folders)
    others = [path for path in top.folders if path not in splits.values()]
    # A split's folder without folders has no labels, as the test pictures of a competition.
    flat = {split: path for split, path in splits.items() if not list_folder(path).folders}
    if splits.keys() == flat.keys() == {"train"} and others:
        splits, flat, others = {}, {}, list(top.folders)  # A class: of vehicles, for one.
    if "train" in flat:
        raise DataNotFound(f"{flat['train']} has no folders; {GIVE}")
    notes = [
        f"{path.name} has no folders in it, so its pictures have no labels and are not used"
        for path in flat.values()
    ]
    splits = {split: path for split, path in splits.items() if split not in flat}
    if not splits:
        _check_classes(root, others)
        found = {"all": _by_class(others, seen, (itself(root),))}
        return contents(root, found, [*notes, *_left_out(root, seen, top.pictures)])
    names = first_few([path.name for path in splits.values()])
    if others and "train" not in splits:
        raise DataError(
            f"{root} has {names} beside {_names(others)}; put what is to be trained on into a "
            f"folder train, or rename {names} if that is a class"
        )
    renamed = [f"{path.name} for {split}" for split, path in splits.items() if path.name != split]
    if renamed:
        notes.append(f"taken by their names: {', '.join(renamed)}")
    if others:
        notes.append(f"folders beside {names} are not used: {_names(others)}")
    found, stray = {}, top.pictures
    for split, path in splits.items():
        inside = list_folder(path)
        found[split] = _by_class(inside.folders, seen, (itself(root), itself(path)))
        stray += inside.pictures
        seen.ignored += inside.ignored
    return contents(root, found, [*notes, *_left_out(root, seen, stray)])


def _splits(root: Path, folders: Sequence[Path]) -> dict[str, Path]:
    """The folders that are called as splits are. Raises DataError if two are called as one."""
    named = [(split, path) for path in folders if (split := split_called(path.name))]
    splits: dict[str, Path] = {}
    for split, path in named:
        if split in splits:
            raise DataError(
                f"{root} has both {splits[split].name} and {path.name}, each the name of a {split} "
                "split; remove or rename one"
            )
        splits[split] = path
    return {split: splits[split] for split in ("train", "val", "test") if split in splits}


def _check_classes(root: Path, folders: Sequence[Path]) -> None:
    if not folders:
        raise DataNotFound(f"{root} has no folders; {GIVE}")
    if len(folders) == 1:
        inside = list_folder(folders[0])
        if inside.folders and not inside.pictures:
            raise DataNotFound(
                f"{root} has one folder, {folders[0].name}, and folders in that; "
                f"did you mean --data-dir={folders[0]}?"
            )


def _by_class(folders: Sequence[Path], seen: Found, above: tuple[tuple[int, int], ...]) -> ByClass:
    """The pictures in a folder per class, below `above`; what else is there goes to `seen`."""
    classes: dict[str, list[Picture]] = {}
    for path in folders:
        check_name(path)
        before = len(seen.pictures)
        look_below(path, seen, above)
        # As text: of a million files `relative_to` takes many seconds.
        start = len(str(path)) - len(path.name)
        classes[path.name] = [
            Picture(file, str(file)[start:].replace(os.sep, "/")) for file in seen.pictures[before:]
        ]
    return classes


def _left_out(root: Path, seen: Found, stray: Sequence[Path]) -> Iterator[str]:
    """A line for each kind of thing that is not used."""

    def below(paths: Iterable[Path]) -> str:
        return first_few([path.relative_to(root) for path in paths])

    lines: Mapping[str, Sequence[Path]] = {
        "pictures in no class's folder, not used": stray,
        "files that are no pictures by their names": seen.others,
        "files and folders ignored by their names": seen.ignored,
        "links that lead back to a folder above, not followed": seen.loops,
    }
    for kind, paths in lines.items():
        if paths:
            yield f"{kind} ({len(paths):,}): {below(paths)}"


def _names(paths: Sequence[Path]) -> str:
    return first_few([path.name for path in paths])
