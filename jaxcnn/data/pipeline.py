"""Source -> order -> transforms -> batches.

Global batch k is a function of (seed, k): the state of the data is one integer. With P processes,
process p gets rows [p*b, (p+1)*b) of it, b = batch_size / P, the layout that
`jax.make_array_from_process_local_data` puts together again.
"""

import atexit
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import grain
import numpy as np

from jaxcnn.data.errors import DataError, ExampleError
from jaxcnn.data.order import ExampleRng, epoch_order
from jaxcnn.data.spec import DatasetSpec, Source
from jaxcnn.data.transforms import (
    CenterCrop,
    Cutout,
    HorizontalFlip,
    Pad,
    RandomCrop,
    RandomErasing,
    RandomResizedCrop,
    Resize,
    ResizeShorter,
    Size,
    ToChannels,
    Transform,
    pair,
)

Batch = dict[str, np.ndarray]
Fit = Literal["interpolate", "pad", "crop"]


def eval_transforms(
    spec: DatasetSpec,
    *,
    image_size: Size,
    channels: int,
    resize: Fit = "interpolate",
    crop_fraction: float = 0.875,
    interpolation: Literal["bilinear", "bicubic"] = "bicubic",
) -> tuple[Transform, ...]:
    """What brings a set's images to a model's input; nothing where they fit already.

    Args:
        spec: row of the data set table.
        image_size: pixels, height and width of the model's input.
        channels: of the model's input; grey images are repeated.
        resize: stretch the image, pad it with black, or crop its centre.
        crop_fraction: crop: side of the centre over the photograph's shorter side.
        interpolation: crop: how the photograph is resized before.

    Raises:
        DataError: the images cannot be brought there this way.
    """
    size = pair(image_size)
    transforms: list[Transform] = []
    if resize == "crop":
        shorter = int(min(size) / crop_fraction)
        transforms += [ResizeShorter(shorter, interpolation), CenterCrop(size)]
    elif spec.image_size is None:
        raise DataError(f"{spec.name} has images of many sizes; bring them to one by --resize=crop")
    elif size != pair(spec.image_size):
        if resize == "pad" and min(size) < spec.image_size:
            raise DataError(
                f"cannot pad {spec.name}'s {spec.image_size}x{spec.image_size} to"
                f" {size[0]}x{size[1]}; resize by interpolation"
            )
        transforms.append(Pad(size) if resize == "pad" else Resize(size))
    if channels != spec.channels:
        if spec.channels != 1:
            raise DataError(
                f"{spec.name} has {spec.channels} channels, not {channels};"
                " only grey images can be given more"
            )
        transforms.append(ToChannels(channels))
    return tuple(transforms)


def train_transforms(
    spec: DatasetSpec,
    *,
    image_size: Size,
    channels: int,
    resize: Fit = "interpolate",
    crop_padding: int = 0,
    flip: bool = False,
    erase_probability: float = 0.0,
    cutout: int = 0,
) -> tuple[Transform, ...]:
    """`eval_transforms`, then augmentation: shift, mirror, cover.

    With resize="crop" a random part of the photograph takes the place of its centre.

    Args:
        spec, image_size, channels, resize: as for `eval_transforms`.
        crop_padding: pixels of black each side before a random crop back to image_size.
        flip: mirror half of the images.
        erase_probability: of covering a random rectangle with noise.
        cutout: side in pixels of a square covered with the mean colour; 0 for none.

    Raises:
        DataError: as above; or a flip would change labels.
    """
    if flip and not spec.flip:
        raise DataError(f"horizontal flip changes the label of {spec.name}; turn flip off")
    transforms = list(
        eval_transforms(spec, image_size=image_size, channels=channels, resize=resize)
    )
    if resize == "crop":
        transforms[:2] = [RandomResizedCrop(image_size)]
    if crop_padding:
        transforms.append(RandomCrop(image_size, crop_padding))
    if flip:
        transforms.append(HorizontalFlip())
    if erase_probability:
        transforms.append(RandomErasing(erase_probability))
    if cutout:
        transforms.append(Cutout(cutout, fill=tuple(round(255 * value) for value in spec.mean)))
    return tuple(transforms)


def steps_per_epoch(num_examples: int, batch_size: int) -> int:
    """Full batches an epoch has; the examples left over differ from epoch to epoch.

    Raises DataError for a batch that no epoch could fill.
    """
    if not 1 <= batch_size <= num_examples:
        raise DataError(
            f"batch size {batch_size} does not fit {num_examples} training examples;"
            f" give 1 to {num_examples}"
        )
    return num_examples // batch_size


def train_batches(
    source: Source,
    transforms: Sequence[Transform],
    *,
    batch_size: int,
    seed: int,
    stop_step: int,
    start_step: int = 0,
    process_index: int = 0,
    process_count: int = 1,
    num_workers: int = 0,
    num_threads: int = 1,
) -> Iterator[Batch]:
    """This process's rows of the global batches start_step <= k < stop_step.

    Each is {"image": uint8 [b, H, W, C], "label": int32 [b]}. Every epoch is a new order of the
    source, its incomplete last batch left out. Starting late costs nothing.

    Args:
        source: training examples.
        transforms: applied in turn to each image, with the random numbers of (seed, epoch,
            example).
        batch_size: examples a step, over all processes.
        seed: of order and augmentation, 0 or more.
        stop_step: where to stop; epochs follow each other without a break.
        start_step: first batch wanted.
        process_index: this process among process_count.
        process_count: processes that share a batch.
        num_workers: processes that prepare batches; 0 for threads of this one.
        num_threads: threads that prepare batches, in each worker; 0 prepares them when asked for.
            More than one pays where decoding dominates, since OpenCV lets other threads run.

    Raises:
        DataError: the batch size does not fit the source or the processes.
        ExampleError: while iterating, when an example cannot be prepared.
    """
    steps_per_epoch(len(source), batch_size)
    rows = _process_rows(batch_size, process_index, process_count)
    batches = _TrainBatches(source, tuple(transforms), batch_size, seed, rows)
    return _run(batches, start_step, stop_step, num_workers, num_threads)


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

    Each is {"image": uint8 [b, H, W, C], "label": int32 [b], "weight": float32 [b]}. The last batch
    is filled up with zeros; weight is 1 for an example and 0 for filling, so that sums over weight
    count each example once whatever the batch size. All processes get equally many batches.

    Arguments and errors are those of `train_batches`; the batch may be larger than the source.
    """
    if batch_size < 1:
        raise DataError(f"batch size {batch_size} is too small; give 1 or more")
    rows = _process_rows(batch_size, process_index, process_count)
    batches = _EvalBatches(source, tuple(transforms), batch_size, rows)
    return _run(batches, 0, -(-len(source) // batch_size), num_workers, num_threads)


class _Batches(Protocol):
    def __call__(self, step: int, /) -> Batch: ...


@dataclass(frozen=True)
class _TrainBatches:
    source: Source
    transforms: tuple[Transform, ...]
    batch_size: int
    seed: int
    rows: slice

    def __call__(self, step: int, /) -> Batch:
        size = len(self.source)
        epoch, position = divmod(step, steps_per_epoch(size, self.batch_size))
        start = position * self.batch_size
        order = epoch_order(size, self.seed, epoch)[start : start + self.batch_size]
        return _prepare(self.source, self.transforms, order[self.rows], self.seed, epoch)


@dataclass(frozen=True)
class _EvalBatches:
    source: Source
    transforms: tuple[Transform, ...]
    batch_size: int
    rows: slice

    def __call__(self, step: int, /) -> Batch:
        first, last = step * self.batch_size, len(self.source)
        indices = np.arange(first, first + self.batch_size)[self.rows]
        weight = (indices < last).astype(np.float32)
        # Filling takes its shape from the last example, its content from none.
        batch = _prepare(self.source, self.transforms, np.unique(indices.clip(max=last - 1)), 0, 0)
        real = int(weight.sum())
        return {
            **{name: _fill_up(values[:real], len(indices)) for name, values in batch.items()},
            "weight": weight,
        }


def _prepare(
    source: Source, transforms: tuple[Transform, ...], indices: np.ndarray, seed: int, epoch: int
) -> Batch:
    """The examples at `indices`, transformed."""
    rng = ExampleRng(seed, epoch)
    images: np.ndarray | None = None
    labels = np.empty(len(indices), np.int32)
    for row, index in enumerate(indices.tolist()):
        try:
            example = source[index]
            image, stream = example["image"], rng(index)
            for transform in transforms:
                image = transform(image, stream)
            if images is None:
                images = np.empty((len(indices), *image.shape), np.uint8)
            if image.shape != images.shape[1:]:
                raise DataError(f"image is {image.shape}, others are {images.shape[1:]}")
            images[row], labels[row] = image, example["label"]
        except Exception as error:
            raise ExampleError(f"example {index}: {type(error).__name__}: {error}") from error
    assert images is not None, "a batch has at least one row"
    return {"image": images, "label": labels}


def _fill_up(values: np.ndarray, length: int) -> np.ndarray:
    filled = np.zeros((length, *values.shape[1:]), values.dtype)
    filled[: len(values)] = values
    return filled


def _process_rows(batch_size: int, process_index: int, process_count: int) -> slice:
    if batch_size % process_count:
        down = batch_size - batch_size % process_count
        nearest = f"{down} or {down + process_count}" if down else f"{process_count}"
        raise DataError(
            f"batch size {batch_size} does not divide among {process_count} processes;"
            f" give {nearest}"
        )
    rows = batch_size // process_count
    return slice(process_index * rows, (process_index + 1) * rows)


def _run(
    batches: _Batches, start: int, stop: int, num_workers: int, num_threads: int
) -> Iterator[Batch]:
    # The whole batch is Grain's element: its cost per element would exceed that of a small image.
    dataset = grain.MapDataset.range(start, stop).map(batches)
    dataset = dataset.to_iter_dataset(
        grain.ReadOptions(num_threads=num_threads, prefetch_buffer_size=2 * num_threads)
    )
    if num_workers:
        dataset = dataset.mp_prefetch(grain.MultiprocessingOptions(num_workers))
    return _closing(dataset)


def _closing(dataset: grain.IterDataset[Any]) -> Iterator[Batch]:
    """Ends threads and workers however the loop is left, the interpreter's exit included."""
    iterator = iter(dataset)
    atexit.register(iterator.close)
    try:
        yield from iterator
    finally:
        atexit.unregister(iterator.close)
        iterator.close()
