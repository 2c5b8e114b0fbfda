"""Whether data is what a run learned from; in what it is not, in a few words."""

import filecmp
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxcnn.data import DatasetSpec, Source
from jaxcnn.data.spec import Relabelled, example_name
from jaxcnn.errors import UserError
from jaxcnn.run.run_data import (
    SPLITS,
    Examples,
    Names,
    RunData,
    listed_examples,
    names_in,
)
from jaxcnn.text.phrases import first_few

OTHER_LABELS = "other labels"


def differences(before: RunData, names_before: bytes, now: RunData, names_now: bytes) -> list[str]:
    """In what a run's data is not what it was, each in a few words; nothing if it is the same.

    The folder it lies in is not asked for, and a file that the run could not read may be another.
    """
    classes = _other_classes(before.class_names, now.class_names)
    different = [*classes]
    if before.splits != now.splits:
        if names_before and names_now:
            old = names_in(names_before, before.splits)
            new = names_in(names_now, now.splits)
            for split in before.splits:
                if now.splits[split] == before.splits[split]:
                    continue
                parts = _other_names(old[split], new[split], before.unreadable)
                # Of other classes the labels are others too.
                if parts != [OTHER_LABELS] or not classes:
                    different += [f"{split}: {part}" for part in parts]
        else:
            different += [
                f"{split}: {_other_count(examples, now.splits[split])}"
                for split, examples in before.splits.items()
                if now.splits[split] != examples
            ]
    return different + [
        f"{name} of the model's input: {value} != {getattr(now.input, name)}"
        for name, value in vars(before.input).items()
        if getattr(now.input, name) != value
    ]


def in_order_of(run: RunData, source: Source, data: DatasetSpec) -> Source:
    """`source`, an excerpt of the set `data`, with the labels that the run has for its classes.

    They are told by their names. Raises UserError for classes that the run does not know.
    """
    if data.class_names == run.class_names:
        return source
    if not (data.class_names and run.class_names):
        if data.num_classes != run.num_classes:
            raise UserError(
                f"the run tells {run.num_classes} classes apart, {data.name} has {data.num_classes}"
            )
        return source
    unknown = sorted(set(data.class_names) - set(run.class_names))
    if unknown or data.multi_label:
        what = _classes(unknown) if unknown else "the classes in this order"
        raise UserError(
            f"the run does not know {what}; it knows {_classes(list(run.class_names))}: name the "
            "data's alike"
        )
    label_of = {name: label for label, name in enumerate(run.class_names)}
    return Relabelled(source, np.array([label_of[name] for name in data.class_names], np.int32))


def compared(run: RunData, names: bytes, split: str, source: Source) -> str | None:
    """In what `source` is not the `split` that a run had, in one line; None if it is the same.

    Raises UserError if the run was trained on some of what is to test or validate it. `names` is
    the content of the run's `data.names.gz`.
    """
    now, listing = listed_examples(split, source, pixels="data" in run.given)
    before = run.splits.get(split)
    if now == before:
        return None
    unlisted = split in SPLITS and before is None
    line = f"these are not the run's own {split} images: "
    if unlisted:
        line = f"the run ended without its test and kept no list of its {split} images: "
    if (before is not None or unlisted) and not (names and listing):
        other = f"there are {now.count:,}" if before is None else _other_count(before, now)
        return f"{line}{other}; whether it was trained on any cannot be told"
    known = names_in(names, run.splits)
    here = names_in(listing, {split: now})[split]
    different = [f"there are {now.count:,}"] if before is None else []
    different += _other_names(known[split], here) if before is not None else []
    if split == "train":
        return line + "; ".join(different)
    trained_on, alike = _seen_in_training(run, known, split, source, here)
    if trained_on:
        raise UserError(
            f"the run was trained on {len(trained_on):,} of these {now.count:,} images, which "
            f"cannot measure it ({first_few(trained_on)}); give others by --data-dir"
        )
    if alike:
        different.append(
            f"{len(alike):,} have class, name and size of ones that it was trained on "
            f"({first_few(alike)})"
        )
    else:
        different.append("it was trained on none of them")
    if split != "val" and (chosen_by := _in_both(known["val"], here)):
        different.append(f"its best epoch was chosen by {len(chosen_by):,} of them")
    return line + "; ".join(different)


def _seen_in_training(
    run: RunData, known: Names, split: str, source: Source, here: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Names of the images in `here` that the run was trained on, and of those that may be.

    A file that has the class, the name and the size of a training image, but lies elsewhere, is
    compared with it where that still is: cameras give the same names again.
    """
    trained, own = known["train"], known.get(split, {})
    by_ends = {(_end(name), size): name for name, size in trained.items()}
    seen, alike = [], []
    for index, (name, size) in enumerate(here.items()):
        original = by_ends.get((_end(name), size))
        if trained.get(name) == size:
            seen.append(name)
        elif original is not None and own.get(name) != size:
            path = Path(run.data_dir or "") / original
            if not path.is_file():
                alike.append(name)
            elif filecmp.cmp(path, example_name(source, index), shallow=False):
                seen.append(name)
    return sorted(seen), sorted(alike)


def _end(name: str) -> str:
    """ "train/cat/1.jpg" -> "cat/1.jpg"."""
    return "/".join(name.split("/")[-2:])


def _other_classes(before: tuple[str, ...], now: tuple[str, ...]) -> list[str]:
    gone, new = sorted(set(before) - set(now)), sorted(set(now) - set(before))
    different = [f"no {_classes(gone)} any more"] if gone else []
    if new:
        different.append(f"new {_classes(new)}")
    if before != now and not different:
        different.append("its classes have another order")
    return different


def _in_both(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return sorted(name for name, size in now.items() if before.get(name) == size)


def _other_names(
    before: Mapping[str, str], now: Mapping[str, str], unreadable: str | None = None
) -> list[str]:
    added, gone = sorted(now.keys() - before.keys()), sorted(before.keys() - now.keys())
    resized = sorted(
        name
        for name in before.keys() & now.keys()
        if before[name] != now[name] and name not in (unreadable or "")
    )
    kinds = (("more", added), ("fewer", gone), ("of another size", resized))
    different = [f"{len(names):,} {kind} ({first_few(names)})" for kind, names in kinds if names]
    if before == now:
        different.append(OTHER_LABELS if list(before) == list(now) else "another order")
    return different


def _other_count(before: Examples, now: Examples) -> str:
    if before.count == now.count:
        return "other images or labels"
    return f"{now.count:,} images, not {before.count:,}"


def _classes(names: list[str]) -> str:
    return f"class{'es' * (len(names) > 1)} {first_few(names)}"
