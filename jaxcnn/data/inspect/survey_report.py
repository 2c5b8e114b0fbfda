"""A survey as a page to read: `index.html`, with its pictures beside it, and `inspect.json`."""

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from jaxcnn.data.augment.crop import RandomCrop
from jaxcnn.data.augment.cutout import Cutout
from jaxcnn.data.augment.erasing import RandomErasing
from jaxcnn.data.augment.flip import HorizontalFlip
from jaxcnn.data.augment.random_resized_crop import RandomResizedCrop
from jaxcnn.data.augment.transform import Transform
from jaxcnn.data.balance import effective_number_weights, inverse_frequency_weights
from jaxcnn.data.inspect.duplicates import Pair
from jaxcnn.data.inspect.survey import SharedPictures, SplitSurvey, Survey, balance, summary
from jaxcnn.data.order import ExampleRng
from jaxcnn.data.spec import DatasetSpec
from jaxcnn.text.figure_text import drawn, plain_text
from jaxcnn.text.phrases import printable

# What a page can show; all of it is in inspect.json.
MOST_NAMED_CLASSES = 30
MOST_SAMPLED_CLASSES = 60
MOST_PAIRS = 48
MOST_LINES = 100
SAMPLES_PER_CLASS = 6
AUGMENTED_EXAMPLES = 4
# An imbalance ratio from which class weights or balanced sampling are worth a try.
SKEWED = 1.5

Titled = tuple[np.ndarray, str]

STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse } td, th { padding: .2em .8em; text-align: right }
td:first-child, th:first-child { text-align: left } tr { border-bottom: 1px solid #ddd }
img { max-width: 100% } li { overflow-wrap: anywhere } .bad { color: #a00 }
"""


def write_report(folder: Path, found: Survey) -> Path:
    """Writes the report into `folder`, which is made if needed; returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)

    def picture(name: str, figure: Figure) -> str:
        name = re.sub(r"[^\w-]", "-", name)  # Splits are named by whoever made the data set.
        figure.savefig(folder / f"{name}.png", dpi=100, bbox_inches="tight")
        return f'<p><img src="{name}.png" alt="{name}"></p>'

    page = folder / "index.html"
    with plain_text():
        page.write_text(_page(found, picture), encoding="utf-8")
    (folder / "inspect.json").write_text(json.dumps(summary(found), indent=2) + "\n")
    return page


def _page(found: Survey, picture: Callable[[str, Figure], str]) -> str:
    title = f"Data set {found.spec.name}"
    parts = [
        f"<h1>{_shown(title)}</h1>",
        f"<p>Looked at whole: {_shown(found.note)}.</p>" if found.note else "",
        *(f"<p>{_shown(note)}</p>" for note in found.spec.all_notes),
        _facts(found),
        "<h2>Cannot be read</h2>",
        _unreadable(found),
        "<h2>The same picture in two splits</h2>",
        *(_shared(found, shared, picture) for shared in found.shared),
        "" if found.shared else "<p>There is one split only.</p>",
        "<h2>The same picture twice in a split</h2>",
        *(_copies(found, name, picture) for name in found.splits),
        "<h2>Classes</h2>",
        picture("classes", classes(found)),
        _weights(found),
        "<h2>Sizes</h2>",
        picture("sizes", sizes(found)),
        "<h2>Samples of each class</h2>",
        picture("samples", samples(found)),
        "<h2>Augmented</h2>",
        "<p>Training examples, and what each random transform makes of them by itself.</p>",
        picture("augmented", augmented(found)),
    ]
    body = "\n".join(part for part in parts if part)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(printable(title))}</title><style>{STYLE}</style></head>"
        f"<body>\n{body}\n</body></html>\n"
    )


def _facts(found: Survey) -> str:
    head = ("split", "examples", "classes", "smallest", "largest", "imbalance", "entropy")
    rows = []
    for name, part in found.splits.items():
        counts = found.counts(name)
        even = balance(counts)
        ratio = even["imbalance_ratio"]
        rows.append(
            (
                name,
                f"{len(part.source):,}",
                f"{np.count_nonzero(counts):,} of {len(counts):,}",
                f"{counts.min():,}",
                f"{counts.max():,}",
                "a class is empty" if ratio is None else f"{ratio:.2f}",
                f"{even['normalized_entropy']:.4f}",
            )
        )
    mean, std = (", ".join(f"{v:.4f}" for v in x) for x in (found.train.mean, found.train.std))
    first = next(iter(found.splits))
    return (
        _table(head, rows) + "<p>Imbalance is the largest class over the smallest, entropy that of "
        "the classes over that of even ones (1 is even).</p>"
        f"<p>Channel mean {mean} and standard deviation {std}, of {_shown(first)} only, each image "
        f"counting the same; the library normalises by mean "
        f"{', '.join(map(str, found.spec.mean))} and {', '.join(map(str, found.spec.std))}.</p>"
    )


def _unreadable(found: Survey) -> str:
    count = sum(len(part.unreadable) for part in found.splits.values())
    if not count:
        return "<p>Every example can be read.</p>"
    reasons = (
        f"{name}: {example.reason}"
        for name, part in found.splits.items()
        for example in part.unreadable
    )
    return (
        f'<p class="bad">Examples that cannot be read: {count:,}. Training ends at the first, or '
        f"leaves them all out with --on-error=skip.</p>{_list(reasons, count)}"
    )


def _shared(found: Survey, shared: SharedPictures, picture: Callable[[str, Figure], str]) -> str:
    first, second = shared.first, shared.second
    of = len(found.splits[second].readable)
    one, other = _shown(first), _shown(second)
    text = f"{one} and {other}: of {of:,} {other} examples "
    if not shared.exact and not shared.near:
        return f"<p>{text}none is in {one} too.</p>"
    text += (
        f"{len(shared.exact):,} are in {one} pixel by pixel, {len(shared.near):,} more nearly so"
    )
    pairs = [*shared.exact, *shared.near]
    differ = sum(
        found.splits[first].classes(p.first) != found.splits[second].classes(p.second)
        for p in pairs
    )
    text += f"; {differ:,} of them with another label."
    figure = pair_sheet(found, first, second, pairs)
    return f'<p class="bad">{text}</p>{picture(f"duplicates-{first}-{second}", figure)}'


def _copies(found: Survey, split: str, picture: Callable[[str, Figure], str]) -> str:
    pairs = found.copies[split]
    if not pairs:
        return f"<p>{_shown(split)}: no example repeats another pixel by pixel.</p>"
    text = f"{_shown(split)}: {len(pairs):,} examples repeat an earlier one pixel by pixel."
    return f"<p>{text}</p>{picture(f'copies-{split}', pair_sheet(found, split, split, pairs))}"


def _weights(found: Survey) -> str:
    if found.train.source.labels.ndim == 2:  # Those weights are of one class per example.
        return ""
    first = next(iter(found.splits))
    counts = found.counts(first)
    ratio = balance(counts)["imbalance_ratio"]
    if ratio is not None and ratio < SKEWED:
        return ""
    weights = inverse_frequency_weights(counts), effective_number_weights(counts)
    rows = [
        (found.spec.class_names[label], f"{counts[label]:,}", *(f"{w[label]:.3f}" for w in weights))
        for label in np.argsort(counts, kind="stable")[:MOST_LINES]
    ]
    return (
        f"<p>The classes of {_shown(first)} are uneven: --class-weights=balanced or =effective "
        "weighs them in the training loss as follows, --sampling=balanced draws them equally "
        "often.</p>" + _table(("class", "examples", "balanced", "effective"), rows)
    )


def _shown(text: str) -> str:
    """Text of strangers for the page; one from right to left does not turn what is around it."""
    return f"<bdi>{escape(printable(text))}</bdi>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{_shown(cell)}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + "\n".join([row(head, "th"), *(row(r, "td") for r in rows)]) + "</table>"


def _list(lines: Iterable[str], count: int) -> str:
    shown = [f"<li>{_shown(line)}</li>" for line, _ in zip(lines, range(MOST_LINES), strict=False)]
    if count > MOST_LINES:
        shown.append(f"<li>and {count - MOST_LINES:,} more, in inspect.json</li>")
    return f"<ul>{''.join(shown)}</ul>"


def classes(found: Survey) -> Figure:
    """Share of the examples that show each class, a bar or a point per split."""
    named = found.spec.num_classes <= MOST_NAMED_CLASSES
    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots()
    x, width = np.arange(found.spec.num_classes), 0.8 / len(found.splits)
    for place, name in enumerate(found.splits):
        counts = found.counts(name)
        share = counts / len(found.splits[name].source)
        if named:
            axes.bar(x - 0.4 + (place + 0.5) * width, share, width, label=_short(name))
        else:
            axes.plot(x, np.sort(share)[::-1], label=_short(name))
    axes.set(ylabel="share of the split", ylim=(0, None))
    if named:
        axes.set_xticks(x, [_short(name) for name in found.spec.class_names], rotation=45)
    else:
        axes.set(xlabel="classes, the largest first")
    figure.legend(loc="outside upper right", ncols=len(found.splits))
    return figure


def sizes(found: Survey) -> Figure:
    """Histograms of width, height, and width over height of the pictures of all splits."""
    all_sizes = np.concatenate([part.sizes for part in found.splits.values()])
    height, width = all_sizes[:, 0], all_sizes[:, 1]
    figure = Figure(figsize=(10, 3), layout="constrained")
    quantities = {
        "width, pixels": width,
        "height, pixels": height,
        "width / height": width / height,
    }
    for axes, (name, values) in zip(figure.subplots(1, 3), quantities.items(), strict=True):
        axes.hist(values, bins=40 if np.ptp(values) else 1)
        axes.set(xlabel=name, ylabel="pictures")
        if not np.ptp(values):
            axes.set_xticks(values[:1])
    return figure


def samples(found: Survey) -> Figure:
    """The first readable training examples of each class."""
    many = found.spec.num_classes > MOST_SAMPLED_CLASSES
    shown = np.arange(found.spec.num_classes)
    if many:  # One each of classes from all over the list.
        shown = np.linspace(0, found.spec.num_classes - 1, MOST_SAMPLED_CLASSES).astype(int)
    columns = 10 if many else SAMPLES_PER_CLASS
    cells: list[Titled] = []
    for label in shown:
        places = found.train.showing(int(label))[: 1 if many else columns]
        name = _short(found.spec.class_names[label])
        row = [(_image(found.train, place), name) for place in places]
        cells += row if many else row + [_NOTHING] * (columns - len(row))
    return _grid(cells, columns)


def augmented(found: Survey) -> Figure:
    """Training examples (rows) as each transform (columns) draws them."""
    cells: list[Titled] = []
    chosen = np.linspace(0, len(found.train.readable) - 1, AUGMENTED_EXAMPLES).astype(int)
    rng = ExampleRng(0, 0)
    columns = 1
    for place in np.unique(chosen):
        image = _image(found.train, int(place))
        transforms = _augmentations(found.spec, image)
        columns = 1 + len(transforms)
        cells.append((image, "as it is"))
        cells += [(t(image, rng(int(place))), type(t).__name__) for t in transforms]
    return _grid(cells, columns)


def _augmentations(spec: DatasetSpec, image: np.ndarray) -> list[Transform]:
    height, width = image.shape[:2]
    side = max(2, min(height, width))
    if spec.image_size is None:
        cropped: Transform = RandomResizedCrop(side)
    else:
        cropped = RandomCrop((height, width), max(1, side // 8))
    mean = tuple(round(255 * value) for value in spec.mean)
    covered = [RandomErasing(1.0), Cutout(max(1, side // 2), fill=mean)]
    return [cropped, *([HorizontalFlip(1.0)] if spec.flip else []), *covered]


def pair_sheet(found: Survey, first: str, second: str, pairs: Sequence[Pair]) -> Figure:
    """Pairs side by side: from all over the list where there are too many."""
    shown = pairs
    if len(pairs) > MOST_PAIRS:
        shown = [pairs[i] for i in np.linspace(0, len(pairs) - 1, MOST_PAIRS).astype(int)]
    one, other = found.splits[first], found.splits[second]
    names = found.spec.class_names
    cells: list[Titled] = []
    for pair in shown:
        kind = "exact" if pair.similarity == 1 and pair.bits == 0 else f"{pair.similarity:.3f}"
        left, right = (
            _short(", ".join(names[label] for label in shown))
            for shown in (one.classes(pair.first), other.classes(pair.second))
        )
        cells.append((_image(one, pair.first), f"{_short(first)}\n{left}"))
        cells.append((_image(other, pair.second), f"{_short(second)} ({kind})\n{right}"))
    figure = _grid(cells, 8)
    if len(shown) < len(pairs):
        figure.suptitle(f"{len(shown)} of {len(pairs):,} pairs")
    return figure


_NOTHING: Titled = (np.zeros((0, 0, 1), np.uint8), "")


def _image(part: SplitSurvey, place: int) -> np.ndarray:
    return part.source[int(part.readable[place])]["image"]


def _short(name: str) -> str:
    return drawn(name.replace("_", " "), 18)


def _grid(cells: Sequence[Titled], columns: int) -> Figure:
    rows = max(1, math.ceil(len(cells) / columns))
    figure = Figure(figsize=(1.25 * columns, 1.45 * rows + 0.3), layout="constrained")
    grid: Any = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, (image, title) in zip(grid, cells, strict=False):
        if image.size:
            axes.imshow(image, cmap="gray", vmin=0, vmax=255)
            axes.set_title(title, fontsize=7)
    return figure
