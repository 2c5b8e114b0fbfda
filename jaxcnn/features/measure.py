"""What the command line asks for: features, kept and measured."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sklearn.preprocessing import StandardScaler

from jaxcnn.command import cli
from jaxcnn.data.sources.picture_files import find_pictures
from jaxcnn.errors import UserError
from jaxcnn.features.command import shots_of, splits_of
from jaxcnn.features.table import Split, check_output, write
from jaxcnn.metrics.intervals import student, wilson
from jaxcnn.probes.few_shot import few_of_each
from jaxcnn.probes.linear import fit_linear
from jaxcnn.probes.nearest import TEMPERATURE, nearest, neighbours_for
from jaxcnn.run.test_uses import note_test_use
from jaxcnn.trained.frozen import Frozen, frozen_run, frozen_run_for_pictures, frozen_weights
from jaxcnn.trained.given import GivenPictures
from jaxcnn.trained.predictions_file import names_of

if TYPE_CHECKING:
    from jaxcnn.features.command import Options

Say = Callable[[str], None]
Probe = Literal["linear", "knn"]


def measure(options: "Options", *, command: str, say: Say) -> dict[str, Any]:
    """What is printed; with an output file that is written. `command` is what a person typed."""
    output = None if options.output is None else cli.output_file(options.output)
    if output is not None:
        check_output(output)
    network = _network(options, say)
    splits = _of_pictures(network, options) if options.pictures else _of_splits(network, options)
    first = next(iter(splits.values())).features
    printed: dict[str, Any] = {
        "arch": network.arch,
        "stage": options.stage,
        "channels": first.shape[1],
        "n": {name or "pictures": len(split.features) for name, split in splits.items()},
    }
    if output is not None:
        write(output, splits)
        say(f"the features are in {output}")
    if options.probe is not None:
        printed |= probed(
            splits,
            options.probe,
            num_classes=network.data.num_classes,
            class_names=network.data.class_names,
            shots=shots_of(options),
            draws=options.draws,
        )
        if options.workdir is not None and network.is_own("test"):
            note_test_use(options.workdir, by=command, say=say)
    return printed


def probed(
    splits: Mapping[str, Split],
    probe: Probe,
    *,
    num_classes: int,
    class_names: Sequence[str] = (),
    shots: Sequence[int] = (),
    draws: int = 5,
) -> dict[str, Any]:
    """`{"probe", "C" or "k" and "temperature", "val", "test", "shots"}`, top-1 as fractions with
    95% intervals: Wilson's, and of several draws Student's of their mean.

    Raises UserError where images show several classes, and where a class has too few.
    """
    train, val, test = (splits[name] for name in ("train", "val", "test"))
    labels = train.labels
    if labels is None or labels.ndim == 2:
        raise UserError("a probe takes images of one class each, and these show several")
    if len(np.unique(labels)) < 2:
        raise UserError("a probe tells classes apart, and the training images are of one")
    # Now, so that too few images are named before the work.
    few = {number: list(few_of_each(labels, number, draws, tuple(class_names))) for number in shots}

    # Of all training images, for that asks for no label: a handful cannot tell how features vary.
    scaler = StandardScaler().fit(train.features)

    def fitted(rows: np.ndarray) -> tuple[dict[str, Any], Callable[[np.ndarray], np.ndarray]]:
        known, of_known = train.features[rows], labels[rows]
        if probe == "knn":
            k = neighbours_for(of_known)
            return {"k": k, "temperature": TEMPERATURE}, lambda queries: nearest(
                known, of_known, queries, num_classes, k=k
            )
        assert val.labels is not None, "as of train"
        linear = fit_linear(known, of_known, val.features, val.labels, num_classes, scaler=scaler)
        return {"C": linear.C}, linear.logits

    settings, logits = fitted(np.arange(len(labels)))
    found: dict[str, Any] = {"probe": probe, **settings}
    found |= {"val": _figures(val, logits), "test": _figures(test, logits)}
    if few:
        found["shots"] = [
            _of_draws(number, [_figures(test, fitted(rows)[1])["top1"] for rows in drawn])
            for number, drawn in few.items()
        ]
    return found


def _figures(split: Split, logits: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
    right = int((logits(split.features).argmax(-1) == split.labels).sum())
    n = len(split.features)
    return {"top1": right / n, "n": n, "intervals": {"top1": wilson(right, n)}}


def _of_draws(shots: int, top1: Sequence[float]) -> dict[str, Any]:
    return {
        "shots": shots,
        "top1": float(np.mean(top1)),
        "draws": len(top1),
        "intervals": {"top1": student(top1)},
    }


def _network(options: "Options", say: Say) -> Frozen:
    if options.workdir is not None and options.pictures:
        return frozen_run_for_pictures(options.workdir, say=say)
    if options.workdir is not None:
        return frozen_run(
            options.workdir, data_dir=options.data_dir, labels=options.labels, say=say
        )
    return frozen_weights(
        options.arch or "",
        options.pretrained or "",
        dataset=options.dataset,
        data_dir=options.data_dir,
        labels=options.labels,
        image_size=options.image_size,
        pictures=bool(options.pictures),
        say=say,
    )


def _of_splits(network: Frozen, options: "Options") -> dict[str, Split]:
    found = {}
    for name in splits_of(options):
        source = network.load(name)
        with _bar(name, len(source)) as tell:
            features = network.features(source, stage=options.stage, tell=tell)
        found[name] = Split(features, source.labels, names_of(source))
    return found


def _of_pictures(network: Frozen, options: "Options") -> dict[str, Split]:
    paths = find_pictures(options.pictures)
    transforms = network.picture_transforms
    source = GivenPictures(paths, channels=network.data.channels, transforms=transforms)
    with _bar("pictures", len(source)) as tell:
        features = network.features(source, stage=options.stage, transforms=(), tell=tell)
    return {"": Split(features, None, [str(path) for path in paths])}


@contextmanager
def _bar(name: str, images: int) -> Iterator[Callable[[int], object]]:
    """What to call with how many images more are done; a bar on a terminal."""
    console = Console(stderr=True)
    columns = TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("", total=images)
        yield lambda done: bar.advance(task, done)
