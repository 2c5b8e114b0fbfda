"""Whether data is what a run learned from; in what it is not, in a few words."""

from collections.abc import Mapping

import numpy as np

from jaxcnn.data import DatasetSpec, Source
from jaxcnn.data.spec import Relabelled
from jaxcnn.errors import UserError
from jaxcnn.run_data import Examples, RunData, listed_examples, names_in

# Names that a message has room for.
MOST_NAMED = 3


def differences(before: RunData, names_before: bytes, now: RunData, names_now: bytes) -> list[str]:
    """In what a run's data is not what it was, each in a few words; nothing if it is the same.

    The folder it lies in is not asked for, and a file that the run could not read may be another.
    """
    different = _other_classes(before.class_names, now.class_names)
    if before.splits != now.splits:
        if names_before and names_now:
            old, new = names_in(names_before), names_in(names_now)
            for split in before.splits:
                parts = _other_names(old.get(split, {}), new.get(split, {}), before.unreadable)
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
        what = f"class {_first(unknown)}" if unknown else "the classes in this order"
        raise UserError(
            f"the run does not know {what}; its classes are {_first(list(run.class_names))}: "
            "name the data's alike"
        )
    label_of = {name: label for label, name in enumerate(run.class_names)}
    return Relabelled(source, np.array([label_of[name] for name in data.class_names], np.int32))


def compared(run: RunData, names: bytes, split: str, source: Source) -> str | None:
    """In what `source` is not the `split` that a run had, in one line; None if it is the same.

    Raises UserError if the run was trained on some of what is to test or validate it. `names` is
    the content of the run's `data.names.gz`.
    """
    now, listing = listed_examples(split, source)
    before = run.splits.get(split)
    if now == before:
        return None
    line = f"this {split} split is not the run's own: "
    if before is not None and not (names and listing):
        return (
            f"{line}{_other_count(before, now)}; whether the run was trained on any of it "
            "cannot be told"
        )
    known, here = names_in(names), names_in(listing).get(split, {})
    seen = [] if split == "train" else _in_both(known["train"], here)
    if seen:
        raise UserError(
            f"the run was trained on {len(seen):,} of these {now.count:,} images, which cannot "
            f"measure it: {_first(seen)}; give others by --data-dir"
        )
    told = ["it was trained on none of them"] if split != "train" else []
    if split in ("test", "all") and (chosen_by := _in_both(known["val"], here)):
        told.append(f"its best epoch was chosen by {len(chosen_by):,} of them")
    return line + "; ".join([*_other_names(known.get(split, {}), here), *told])


def _other_classes(before: tuple[str, ...], now: tuple[str, ...]) -> list[str]:
    gone, new = sorted(set(before) - set(now)), sorted(set(now) - set(before))
    different = [f"class {_first(gone)} is gone"] if gone else []
    if new:
        different.append(f"class {_first(new)} is new")
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
    different = [f"{len(names):,} {kind} ({_first(names)})" for kind, names in kinds if names]
    if not (added or gone) and list(before) != list(now):
        different.append("another order")
    return different


def _other_count(before: Examples, now: Examples) -> str:
    if before.count == now.count:
        return "other labels"
    return f"{now.count:,} images, not {before.count:,}"


def _first(names: list[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + ", ..." * (len(names) > MOST_NAMED)
