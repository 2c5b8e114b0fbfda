"""Source -> order -> transforms -> batches. Which transforms, `augment.chains` says.

Global batch k is a function of (seed, k): the state of the data is one integer. With P processes,
process p gets rows [p*b, (p+1)*b) of it, b = batch_size / P, the layout that
`jax.make_array_from_process_local_data` puts together again.
"""

import atexit
import gc
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, NamedTuple, Protocol

import grain
import numpy as np
from absl import flags

from jaxcnn.data.augment.transform import OfBatches, Transform, transform_example
from jaxcnn.data.errors import DataError, ExampleError, WorkerError
from jaxcnn.data.loader.budget import DECODING
from jaxcnn.data.loader.handover import Handover
from jaxcnn.data.loader.lost_worker import why_a_worker_ended
from jaxcnn.data.loader.worker_processes import (
    Workers,
    end_a_worker_that_starts_again,
    end_with_the_run,
)
from jaxcnn.data.order import BalancedOrder, BatchRng, ExampleRng, Redrawn, TrainOrder
from jaxcnn.data.spec import ArraySource, Source, in_memory
from jaxcnn.errors import UserError

Batch = dict[str, np.ndarray]
Sampling = Literal["shuffle", "balanced"]


class HostSeconds(NamedTuple):
    """What a batch took the thread that prepared it, in seconds.

    Attributes:
        decode: reading its examples, decoding included.
        augment: their transforms.
        batch: all else: which examples they are, and putting them together.
    """

    decode: float
    augment: float
    batch: float


def steps_per_epoch(num_examples: int, batch_size: int, repeats: int = 1) -> int:
    """Full batches an epoch has; the examples left over differ from epoch to epoch.

    Raises DataError for a batch that no epoch could fill, or not with `repeats` of each example.
    """
    if not 1 <= batch_size <= num_examples:
        raise DataError(
            f"batch size {batch_size} does not fit {num_examples} training examples;"
            f" give 1 to {num_examples}"
        )
    if batch_size % repeats:
        nearest = _multiples_near(batch_size, repeats)
        raise DataError(f"batch size {batch_size} is not {repeats} of each example; give {nearest}")
    return num_examples // batch_size


def train_order(
    source: Source,
    batch_size: int,
    seed: int,
    *,
    repeats: int = 1,
    sampling: Sampling = "shuffle",
) -> TrainOrder:
    """Which examples each step takes. The arguments are those of `train_batches`."""
    balanced = BalancedOrder(source.labels, seed) if sampling == "balanced" else None
    return TrainOrder(len(source), batch_size, seed, repeats, balanced)


def train_batches(
    source: Source,
    transforms: Sequence[Transform],
    *,
    batch_size: int,
    seed: int,
    stop_step: int,
    start_step: int = 0,
    repeats: int = 1,
    sampling: Sampling = "shuffle",
    process_index: int = 0,
    process_count: int = 1,
    num_workers: int = 0,
    num_threads: int = 1,
    tell: Callable[[HostSeconds], object] = lambda seconds: None,
) -> Iterator[Batch]:
    """This process's rows of the global batches start_step <= k < stop_step.

    Each is {"image": uint8 [b, H, W, C], "label": int32 [b]}, or "label": uint8 [b, K] where images
    show several of K classes. Every epoch is a new order of the source, its incomplete last batch
    left out; with `repeats`, of as many examples fewer. Starting late costs nothing.

    Args:
        source: training examples.
        transforms: applied in turn to each image, with the random numbers of (seed, epoch,
            example, repeat).
        batch_size: examples a step, over all processes.
        seed: of order and augmentation, 0 or more.
        stop_step: where to stop; epochs follow each other without a break.
        start_step: first batch wanted.
        repeats: versions of each example in a batch; see `jaxcnn.data.order.batch_examples`.
        sampling: "shuffle" has every example once an epoch, "balanced" every class equally often.
        process_index: this process among process_count.
        process_count: processes that share a batch.
        num_workers: processes that prepare batches; 0 for threads of this one.
        num_threads: threads that prepare batches, in each worker; 0 prepares them when asked for.
            More than one pays where decoding dominates, since OpenCV lets other threads run.
        tell: called with what each batch took, just before the batch is given.

    Raises:
        DataError: the batch size does not fit the source, the repeats or the processes.
        ExampleError: while iterating, when an example cannot be prepared.
        WorkerError: while iterating, when a worker is gone.
    """
    steps_per_epoch(len(source), batch_size, repeats)
    rows = process_rows(batch_size, process_index, process_count)
    order = train_order(source, batch_size, seed, repeats=repeats, sampling=sampling)
    batches = _TrainBatches(source, tuple(transforms), order, rows)
    return _run(batches, start_step, stop_step, num_workers, num_threads, tell)


def seconds_an_image(
    source: Source, transforms: Sequence[Transform], *, examples: int = 64, limit: float = 0.2
) -> float:
    """What reading and transforming an example takes one thread, as the mean of a few.

    They lie evenly over the source: up to so many `examples`, fewer where these would take longer
    than `limit` seconds. 0 where one of them cannot be prepared: training will say which.
    """

    def seconds(count: int) -> float:
        indices = np.linspace(0, len(source) - 1, count, dtype=int)
        start = time.perf_counter()
        _prepare(source, tuple(transforms), indices, np.zeros_like(indices), 0, 0)
        return (time.perf_counter() - start) / count

    try:
        seconds(1)  # It opens files and imports.
        return seconds(max(1, min(examples, int(limit / seconds(1)))))
    except ExampleError:
        return 0.0


def eval_batches(
    source: Source,
    transforms: Sequence[Transform],
    *,
    batch_size: int,
    process_index: int = 0,
    process_count: int = 1,
    num_workers: int = 0,
    num_threads: int = 1,
) -> Iterator[Batch]:
    """This process's rows of the source in order, every example once.

    Each has "image" and "label" as in training, and "weight", float32 [b]. The last batch is filled
    up with zeros; weight is 1 for an example and 0 for filling, so that sums over weight count each
    example once whatever the batch size. All processes get equally many batches.

    Arguments and errors are those of `train_batches`; the batch may be larger than the source.
    """
    if batch_size < 1:
        raise DataError(f"batch size {batch_size} is too small; give 1 or more")
    rows = process_rows(batch_size, process_index, process_count)
    batches = _EvalBatches(source, tuple(transforms), batch_size, rows)
    return _run(batches, 0, -(-len(source) // batch_size), num_workers, num_threads)


class _Batches(Protocol):
    def __call__(self, step: int, /) -> tuple[Batch, HostSeconds]: ...


@dataclass(frozen=True)
class _TrainBatches:
    source: Source
    transforms: tuple[Transform, ...]
    order: TrainOrder
    rows: slice

    def __call__(self, step: int, /) -> tuple[Batch, HostSeconds]:
        start = time.perf_counter()
        epoch, examples, repeats = self.order(step)
        rows, seed = self.rows, self.order.seed
        prepared = _prepare(
            self.source, self.transforms, examples[rows], repeats[rows], seed, epoch
        )
        return prepared.batch, prepared.seconds(since=start)


@dataclass(frozen=True)
class _EvalBatches:
    source: Source
    transforms: tuple[Transform, ...]
    batch_size: int
    rows: slice

    def __call__(self, step: int, /) -> tuple[Batch, HostSeconds]:
        start = time.perf_counter()
        first, last = step * self.batch_size, len(self.source)
        indices = np.arange(first, first + self.batch_size)[self.rows]
        weight = (indices < last).astype(np.float32)
        # Filling takes its shape from the last example, its content from none.
        indices = np.unique(indices.clip(max=last - 1))
        prepared = _prepare(self.source, self.transforms, indices, np.zeros_like(indices), 0, 0)
        real = int(weight.sum())
        batch = {
            **{name: _fill_up(part[:real], len(weight)) for name, part in prepared.batch.items()},
            "weight": weight,
        }
        return batch, prepared.seconds(since=start)


class _Prepared(NamedTuple):
    """A batch, and the seconds that decoding and augmenting it took."""

    batch: Batch
    decode: float
    augment: float

    def seconds(self, *, since: float) -> HostSeconds:
        """With all else that was done since then, a time of `time.perf_counter`."""
        whole = time.perf_counter() - since
        return HostSeconds(self.decode, self.augment, whole - self.decode - self.augment)


def _prepare(
    source: Source,
    transforms: tuple[Transform, ...],
    indices: np.ndarray,
    repeats: np.ndarray,
    seed: int,
    epoch: int,
) -> _Prepared:
    """The examples at `indices`, each transformed with the random numbers of its repeat."""
    stored = in_memory(source, indices)
    if stored is not None and all(isinstance(transform, OfBatches) for transform in transforms):
        with suppress(Redrawn):  # One in a million batches: image by image, then.
            rng = BatchRng(seed, epoch, indices, repeats)
            return _prepare_at_once(*stored, transforms, rng, indices)
    rng = ExampleRng(seed, epoch)
    images: np.ndarray | None = None
    labels: list[int | np.ndarray] = []
    clock, decode, augment = time.perf_counter, 0.0, 0.0
    for row, (index, repeat) in enumerate(zip(indices.tolist(), repeats.tolist(), strict=True)):
        try:
            stream = rng(index, repeat)
            start = clock()
            with DECODING.kept():
                example = source[index]
                decoded = clock()
                example = transform_example(example, transforms, stream)
            decode, augment = decode + decoded - start, augment + clock() - decoded
            image = example["image"]
            if images is None:
                images = np.empty((len(indices), *image.shape), np.uint8)
            if image.shape != images.shape[1:]:
                raise DataError(f"image is {image.shape}, others are {images.shape[1:]}")
            images[row] = image
            labels.append(example["label"])
        except UserError as error:  # It says what is wrong with the example's file.
            raise ExampleError(f"example {index}: {error}") from error
        except Exception as error:
            raise ExampleError(f"example {index}: {type(error).__name__}: {error}") from error
    assert images is not None, "a batch has at least one row"
    batch = {"image": images, "label": np.asarray(labels, _label_dtype(labels[0]))}
    return _Prepared(batch, decode, augment)


def _prepare_at_once(
    stored: ArraySource,
    places: np.ndarray,
    transforms: tuple[Any, ...],
    rng: BatchRng,
    indices: np.ndarray,
) -> _Prepared:
    """The stored examples at `places`, known as `indices`; of transforms that are `OfBatches`."""
    start = time.perf_counter()
    images, labels = stored.images[places], stored.labels[places].astype(np.int32)
    decoded = time.perf_counter()
    try:
        for transform in transforms:
            images = transform.of_batch(images, rng)
    except UserError as error:  # It is of all images alike.
        raise ExampleError(f"example {indices[0]}: {error}") from error
    augmented = time.perf_counter()
    return _Prepared({"image": images, "label": labels}, decoded - start, augmented - decoded)


def _label_dtype(label: int | np.ndarray) -> type:
    return np.uint8 if isinstance(label, np.ndarray) else np.int32


def _fill_up(values: np.ndarray, length: int) -> np.ndarray:
    filled = np.zeros((length, *values.shape[1:]), values.dtype)
    filled[: len(values)] = values
    return filled


def process_rows(batch_size: int, process_index: int, process_count: int) -> slice:
    """Those of a global batch that a process has. Raises DataError where it does not divide."""
    if batch_size % process_count:
        nearest = _multiples_near(batch_size, process_count)
        raise DataError(
            f"batch size {batch_size} does not divide among {process_count} processes;"
            f" give {nearest}"
        )
    rows = batch_size // process_count
    return slice(process_index * rows, (process_index + 1) * rows)


def _multiples_near(number: int, divisor: int) -> str:
    """The multiples of `divisor` next to `number`, in words."""
    down = number - number % divisor
    return f"{down} or {down + divisor}" if down else f"{divisor}"


def _run(
    batches: _Batches,
    start: int,
    stop: int,
    num_workers: int,
    num_threads: int,
    tell: Callable[[HostSeconds], object] = lambda seconds: None,
) -> Iterator[Batch]:
    if num_workers:
        end_a_worker_that_starts_again()
        # Grain reads an absl flag, which fails in a program that does not parse absl flags.
        if not flags.FLAGS.is_parsed():
            flags.FLAGS.mark_as_parsed()
        prepared = _from_workers(batches, start, stop, num_workers, num_threads)
    else:
        prepared = _closing(_dataset(batches, start, stop, num_threads))
    return _telling(prepared, tell)


def _dataset(
    batches: _Batches | Handover, start: int, stop: int, num_threads: int
) -> grain.IterDataset[Any]:
    # The whole batch is Grain's element: its cost per element would exceed that of a small image.
    return (
        grain.MapDataset.range(start, stop)
        .map(batches)
        .to_iter_dataset(
            grain.ReadOptions(num_threads=num_threads, prefetch_buffer_size=2 * num_threads)
        )
    )


def _telling(
    prepared: Generator[tuple[Batch, HostSeconds]], tell: Callable[[HostSeconds], object]
) -> Iterator[Batch]:
    with closing(prepared):
        for batch, seconds in prepared:
            tell(seconds)
            yield batch
            del batch


def _from_workers(
    batches: _Batches, start: int, stop: int, num_workers: int, num_threads: int
) -> Generator[tuple[Batch, HostSeconds]]:
    workers, handover = Workers(), Handover(batches)
    reason = None
    try:
        dataset = _dataset(handover, start, stop, num_threads).mp_prefetch(
            grain.MultiprocessingOptions(num_workers), worker_init_fn=end_with_the_run
        )
        with closing(_closing(dataset, workers.started_by)) as given:
            # They give batches in turn: then each has read what it was handed.
            yield from islice(given, num_workers)
            handover.end()
            yield from given
    except (RuntimeError, OSError) as error:
        reason = why_a_worker_ended(error, workers.ended())
        if reason is None:
            raise
    finally:
        handover.end()
        # Their pipes and shared memory are in cycles, and stay until Python looks for those.
        gc.collect()
    # Not within the above: what was raised there holds on to shared memory.
    if reason is not None:
        raise WorkerError(reason)


def _closing(
    dataset: grain.IterDataset[Any],
    begin: Callable[[Callable[[], list[Any]]], list[Any]] = lambda first: first(),
) -> Generator[tuple[Batch, HostSeconds]]:
    """Ends threads and workers however the loop is left, the interpreter's exit included.

    `begin` asks for the first batch, at which they are started.
    """
    iterator = iter(dataset)
    atexit.register(iterator.close)
    try:
        first = begin(lambda: list(islice(iterator, 1)))
        while first:
            yield first.pop()
        yield from iterator
    finally:
        atexit.unregister(iterator.close)
        iterator.close()
