import gc
import os
import re
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.data import ExampleError
from jaxcnn.data.augment.channels import ToChannels
from jaxcnn.data.augment.crop import RandomCrop
from jaxcnn.data.augment.cutout import Cutout
from jaxcnn.data.augment.erasing import RandomErasing
from jaxcnn.data.augment.flip import HorizontalFlip
from jaxcnn.data.augment.pad import Pad
from jaxcnn.data.loader.pipeline import (
    eval_batches,
    seconds_an_image,
    steps_per_epoch,
    train_batches,
)
from jaxcnn.data.loader.worker_processes import Workers
from jaxcnn.data.order import BatchRng, ExampleRng, Redrawn, epoch_order
from jaxcnn.data.spec import ArraySource, Source, Subset
from jaxcnn.errors import RunError
from jaxcnn.processes.signals import STOPPING

AUGMENT = (RandomCrop(8, 2), HorizontalFlip(), RandomErasing(0.5), Cutout(3))


def source_of(count: int, side: int = 8) -> ArraySource:
    """Noise whose label is the example's number."""
    images = np.random.default_rng(count).integers(256, size=(count, side, side, 3), dtype=np.uint8)
    return ArraySource(images, np.arange(count, dtype=np.int32))


def assert_same(ours, theirs) -> None:
    ours, theirs = list(ours), list(theirs)
    assert len(ours) == len(theirs)
    for one, two in zip(ours, theirs, strict=True):
        assert one.keys() == two.keys()
        for name in one:
            assert one[name].dtype == two[name].dtype
            np.testing.assert_array_equal(one[name], two[name])


def joined(parts: list[list[dict[str, np.ndarray]]]) -> list[dict[str, np.ndarray]]:
    """Global batches of those of all processes, in process order."""
    return [
        {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
        for batches in zip(*parts, strict=True)
    ]


def test_batch_is_the_epochs_order_with_each_examples_own_random_numbers():
    source = source_of(53)
    batches = list(train_batches(source, AUGMENT, batch_size=10, seed=3, stop_step=12))
    assert len(batches) == 12
    for step, batch in enumerate(batches):
        epoch, position = divmod(step, 5)
        indices = epoch_order(53, 3, epoch)[position * 10 : position * 10 + 10]
        assert batch["label"].tolist() == indices.tolist()
        for row, index in enumerate(indices):
            image, stream = source.images[index], ExampleRng(3, epoch)(int(index))
            for transform in AUGMENT:
                image = transform(image, stream)
            np.testing.assert_array_equal(batch["image"][row], image)


class OneByOne:
    """A source whose arrays are not seen, so that its images are prepared one after the other."""

    def __init__(self, source):
        self.source, self.labels = source, source.labels

    def __len__(self):
        return len(self.source)

    def __getitem__(self, index):
        return self.source[index]


@pytest.mark.parametrize(
    "transforms",
    [
        (),
        (HorizontalFlip(),),
        (RandomCrop(8, 2), HorizontalFlip()),
        (HorizontalFlip(0.3), RandomCrop((7, 9), 3)),
        (Pad(12), ToChannels(3), RandomCrop(12, 1)),
        (RandomCrop(8), HorizontalFlip()),
    ],
    ids=str,
)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_batch_prepared_at_once_is_that_of_its_images_one_by_one(transforms, channels):
    whole = source_of(50)
    stored = ArraySource(whole.images[..., :channels], whole.labels)
    source = Subset(stored, np.arange(49, 9, -1))
    options = {"batch_size": 8, "seed": 2**40, "stop_step": 12, "repeats": 2}
    at_once = train_batches(source, transforms, **options)
    assert_same(at_once, train_batches(OneByOne(source), transforms, **options))
    at_once = eval_batches(source, transforms, batch_size=16)
    assert_same(at_once, eval_batches(OneByOne(source), transforms, batch_size=16))


def test_preparing_a_batch_leaves_the_source_as_it_was():
    source = source_of(8)
    before = source.images.copy()
    list(train_batches(source, (HorizontalFlip(1.0),), batch_size=8, seed=0, stop_step=2))
    np.testing.assert_array_equal(source.images, before)


def test_a_batch_whose_numbers_are_drawn_again_is_prepared_image_by_image(monkeypatch):
    def refused(rng, high):
        raise Redrawn

    source, options = source_of(50), {"batch_size": 8, "seed": 1, "stop_step": 3}
    transforms = (RandomCrop(8, 2), HorizontalFlip())
    expected = list(train_batches(source, transforms, **options))
    monkeypatch.setattr(BatchRng, "integers", refused)
    assert_same(train_batches(source, transforms, **options), expected)


def test_a_crop_that_does_not_fit_is_an_examples_error():
    with pytest.raises(ExampleError, match=r"example \d+: cannot crop 9x9 from 8x8; resize first"):
        list(train_batches(source_of(8), (RandomCrop(9),), batch_size=4, seed=0, stop_step=1))


def test_each_batch_tells_what_it_took():
    told = []
    options = {"batch_size": 4, "seed": 0, "stop_step": 3, "tell": told.append}
    for source in (source_of(8), OneByOne(source_of(8))):
        start = time.perf_counter()
        list(train_batches(source, (SlowBy(0.01),), **options, num_threads=0))
        whole = time.perf_counter() - start
        augment = sum(seconds.augment for seconds in told[-3:])
        assert 12 * 0.01 <= augment < sum(map(sum, told[-3:])) <= whole
    assert len(told) == 6


def test_what_an_image_takes_is_measured():
    quick, slow = (seconds_an_image(source_of(50), (SlowBy(each),)) for each in (0, 0.01))
    assert 0 < quick < 0.01 <= slow
    source = source_of(50)
    source.images[:] = 7
    assert seconds_an_image(source, (FailsOn(7),)) == 0


def test_batches_are_bytes_and_integers():
    batch = next(train_batches(source_of(9), (), batch_size=4, seed=0, stop_step=1))
    assert (batch["image"].dtype, batch["image"].shape) == (np.uint8, (4, 8, 8, 3))
    assert (batch["label"].dtype, batch["label"].shape) == (np.int32, (4,))


@pytest.mark.parametrize("process_count", [2, 4])
def test_global_batch_does_not_depend_on_process_count(process_count):
    source, options = source_of(50), {"batch_size": 8, "seed": 1}
    parts = [
        list(
            train_batches(
                source,
                AUGMENT,
                **options,
                stop_step=9,
                process_index=index,
                process_count=process_count,
            )
        )
        for index in range(process_count)
    ]
    assert parts[0][0]["label"].shape == (8 // process_count,)
    assert_same(joined(parts), train_batches(source, AUGMENT, **options, stop_step=9))


@pytest.mark.parametrize("num_threads", [0, 1, 3])
def test_batches_do_not_depend_on_thread_count(num_threads):
    options = {"batch_size": 8, "seed": 1, "stop_step": 20}
    ours = train_batches(source_of(50), AUGMENT, **options, num_threads=num_threads)
    assert_same(ours, train_batches(source_of(50), AUGMENT, **options))


def test_batches_do_not_depend_on_worker_count():
    options = {"batch_size": 8, "seed": 1, "start_step": 3, "stop_step": 10}
    workers = train_batches(source_of(50), AUGMENT, **options, num_workers=2)
    assert_same(workers, train_batches(source_of(50), AUGMENT, **options))


def test_evaluation_does_not_depend_on_worker_count():
    workers = eval_batches(source_of(21), (), batch_size=8, num_workers=2)
    assert_same(workers, eval_batches(source_of(21), (), batch_size=8))


@settings(max_examples=25, deadline=None)
@given(start=st.integers(0, 20), seed=st.integers(0, 2**32))
def test_starting_at_a_step_equals_skipping_to_it(start, seed):
    options = {"batch_size": 4, "seed": seed, "stop_step": 20}
    whole = list(train_batches(source_of(15), AUGMENT, **options))
    assert_same(train_batches(source_of(15), AUGMENT, **options, start_step=start), whole[start:])


@dataclass(frozen=True)
class CountingSource:
    """Remembers which examples were read."""

    source: Source
    read: list[int]

    @property
    def labels(self) -> np.ndarray:
        return self.source.labels

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int):
        self.read.append(index)
        return self.source[index]


def test_starting_late_reads_nothing_that_is_not_needed():
    source = CountingSource(source_of(100), [])
    batches = train_batches(
        source, (), batch_size=10, seed=0, start_step=10**6, stop_step=10**6 + 1, num_threads=0
    )
    assert sorted(next(batches)["label"].tolist()) == sorted(source.read)
    assert len(source.read) == 10


def test_an_epoch_has_every_example_at_most_once_and_the_remainder_changes():
    batches = list(train_batches(source_of(23), (), batch_size=5, seed=0, stop_step=12))
    epochs = [np.concatenate([b["label"] for b in batches[k : k + 4]]) for k in (0, 4, 8)]
    left_out = [set(range(23)) - set(epoch.tolist()) for epoch in epochs]
    assert [len(left) for left in left_out] == [3, 3, 3]
    assert len({frozenset(left) for left in left_out}) == 3
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_an_example_is_augmented_anew_each_epoch_and_each_seed():
    source = source_of(4)

    def first(seed: int, step: int) -> np.ndarray:
        batches = train_batches(
            source, (RandomErasing(1.0),), batch_size=4, seed=seed, start_step=step, stop_step=9
        )
        batch = next(batches)
        return batch["image"][batch["label"] == 0]

    images = [first(seed, step) for seed in (0, 1) for step in (0, 1)]
    assert len({image.tobytes() for image in images}) == 4


REPEATED = {"batch_size": 12, "repeats": 3, "seed": 1}


def test_with_repeats_a_batch_has_each_example_in_so_many_versions():
    batches = list(train_batches(source_of(50), AUGMENT, **REPEATED, stop_step=8))
    for step, batch in enumerate(batches):
        epoch, position = divmod(step, 4)
        examples = epoch_order(50, 1, epoch)[position * 4 : position * 4 + 4]
        assert batch["label"].tolist() == examples.tolist() * 3
        versions = {image.tobytes() for image in batch["image"][batch["label"] == examples[0]]}
        assert len(versions) == 3


def test_repeats_do_not_depend_on_processes_workers_or_where_the_run_starts():
    source = source_of(50)
    whole = list(train_batches(source, AUGMENT, **REPEATED, stop_step=7))
    parts = [
        list(
            train_batches(
                source, AUGMENT, **REPEATED, stop_step=7, process_index=index, process_count=2
            )
        )
        for index in range(2)
    ]
    assert_same(joined(parts), whole)
    late = train_batches(source, AUGMENT, **REPEATED, stop_step=7, start_step=3, num_threads=2)
    assert_same(late, whole[3:])


ORDERS = {
    "plain": {},
    "repeats": {"repeats": 2},
    "balanced": {"sampling": "balanced"},
}


def rows_of_one_process(order: str, process_count: int, num_workers: int) -> None:
    """The last process's rows, prepared by workers, are those of the whole batch."""
    # Three classes of 40, 7 and 3: balanced, the small ones come again within an epoch.
    labels = np.repeat(np.arange(3, dtype=np.int32), [40, 7, 3])
    source = ArraySource(source_of(50).images, labels)
    options = {"batch_size": 16, "seed": 5, "start_step": 2, "stop_step": 8, **ORDERS[order]}
    share = slice(16 - 16 // process_count, 16)
    whole = train_batches(source, AUGMENT, **options)
    ours = train_batches(
        source,
        AUGMENT,
        **options,
        process_index=process_count - 1,
        process_count=process_count,
        num_workers=num_workers,
    )
    assert_same(ours, [{name: rows[share] for name, rows in b.items()} for b in whole])


@pytest.mark.parametrize("process_count", [1, 2, 4])
@pytest.mark.parametrize("order", ORDERS)
def test_rows_do_not_depend_on_process_count(order, process_count):
    rows_of_one_process(order, process_count, num_workers=0)


@pytest.mark.parametrize(
    ("order", "process_count", "num_workers"),
    [("plain", 4, 3), ("repeats", 2, 2), ("balanced", 4, 1), ("balanced", 1, 2)],
)
def test_rows_do_not_depend_on_worker_count(order, process_count, num_workers):
    rows_of_one_process(order, process_count, num_workers)


@pytest.mark.slow
@pytest.mark.parametrize("num_workers", [1, 2, 3, 4])
@pytest.mark.parametrize("process_count", [1, 2, 4])
@pytest.mark.parametrize("order", ORDERS)
def test_rows_depend_on_neither_process_nor_worker_count(order, process_count, num_workers):
    rows_of_one_process(order, process_count, num_workers)


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 40),
    rows=st.integers(1, 12),
    process_count=st.sampled_from([1, 2, 4]),
)
def test_evaluation_counts_every_example_once(count, rows, process_count):
    source = source_of(count, side=2)
    batch_size = rows * process_count
    parts = [
        list(
            eval_batches(
                source,
                (Pad(3),),
                batch_size=batch_size,
                process_index=index,
                process_count=process_count,
                num_threads=0,
            )
        )
        for index in range(process_count)
    ]
    batches = joined(parts)
    assert len(batches) == -(-count // batch_size)
    weight, label, image = (
        np.concatenate([batch[name] for batch in batches]) for name in ("weight", "label", "image")
    )
    assert weight.dtype == np.float32
    assert weight.tolist() == [1.0] * count + [0.0] * (len(weight) - count)
    assert label[:count].tolist() == list(range(count))
    np.testing.assert_array_equal(image[:count, :2, :2], source.images)
    assert not image[count:].any()
    assert not label[count:].any()


def test_evaluating_nothing_gives_no_batches():
    assert list(eval_batches(source_of(0), (), batch_size=4)) == []


@pytest.mark.parametrize("batch_size", [0, -1, 24])
def test_batch_that_no_epoch_fills_is_refused_at_once(batch_size):
    message = f"batch size {batch_size} does not fit 23 training examples; give 1 to 23"
    with pytest.raises(ValueError, match=message):
        steps_per_epoch(23, batch_size)
    with pytest.raises(ValueError, match=message):
        train_batches(source_of(23), (), batch_size=batch_size, seed=0, stop_step=1)


@pytest.mark.parametrize(("batch_size", "give"), [(10, "8 or 12"), (3, "4")])
def test_batch_that_does_not_divide_among_processes_is_refused_at_once(batch_size, give):
    message = f"batch size {batch_size} does not divide among 4 processes; give {give}$"
    with pytest.raises(ValueError, match=message):
        train_batches(
            source_of(50), (), batch_size=batch_size, seed=0, stop_step=1, process_count=4
        )
    with pytest.raises(ValueError, match=message):
        eval_batches(source_of(50), (), batch_size=batch_size, process_count=4)


@pytest.mark.parametrize(("batch_size", "give"), [(10, "9 or 12"), (2, "3")])
def test_batch_that_is_not_a_multiple_of_the_repeats_is_refused_at_once(batch_size, give):
    message = f"batch size {batch_size} is not 3 of each example; give {give}$"
    with pytest.raises(ValueError, match=message):
        steps_per_epoch(23, batch_size, 3)
    with pytest.raises(ValueError, match=message):
        train_batches(source_of(23), (), batch_size=batch_size, repeats=3, seed=0, stop_step=1)


def test_steps_per_epoch_drops_the_remainder():
    assert [steps_per_epoch(23, size) for size in (1, 5, 23)] == [23, 4, 1]


@dataclass(frozen=True)
class SlowBy:
    seconds: float

    def __call__(self, image, rng):
        time.sleep(self.seconds)
        return image


@dataclass(frozen=True)
class FailsOn:
    value: int

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if image[0, 0, 0] == self.value:
            raise KeyError("boom")
        return image


@pytest.mark.parametrize("num_workers", [0, 1])
def test_failing_transform_reaches_the_caller_with_the_example_named(num_workers):
    source = source_of(30)
    source.images[:, 0, 0, 0] = np.arange(30)
    with pytest.raises(ExampleError, match="example 17: KeyError: 'boom'"):
        list(eval_batches(source, (FailsOn(17),), batch_size=8, num_workers=num_workers))


@dataclass(frozen=True)
class Ending:
    """Ends the process that transforms: as one does whose shared memory is full."""

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        os.kill(os.getpid(), signal.SIGBUS)
        return image


def test_a_worker_that_is_gone_is_one_line_with_a_way_out():
    with pytest.raises(RunError, match=r"process \d+ was .*SIGBUS: /dev/shm.*--workers=0") as ended:
        next(eval_batches(source_of(8), (Ending(),), batch_size=8, num_workers=1))
    assert "\n" not in str(ended.value)


def test_images_of_different_sizes_are_refused_with_the_example_named():
    @dataclass(frozen=True)
    class Ragged(CountingSource):
        def __getitem__(self, index: int):
            side = 5 if index == 2 else 4
            return {"image": np.zeros((side, side, 1), np.uint8), "label": 0}

    with pytest.raises(ExampleError, match=r"example 2: .* is \(5, 5, 1\), others are \(4, 4, 1\)"):
        list(eval_batches(Ragged(source_of(4), []), (), batch_size=4))


def grain_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("grain")]


def test_leaving_the_loop_ends_the_threads():
    before = set(threading.enumerate())
    for batch in train_batches(
        source_of(50), AUGMENT, batch_size=8, seed=0, stop_step=10**6, num_threads=2
    ):
        assert grain_threads()
        del batch
        break
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()


@pytest.fixture
def program(tmp_path, run_python):
    """run(num_workers, then) -> what became of a program that does `then` with its batches."""

    def run(num_workers: int, then: str):
        path = tmp_path / "program.py"
        path.write_text(
            f"""
import multiprocessing, os, signal, sys, tempfile
sys.warnoptions.append("ignore:resource_tracker:UserWarning")  # As command lines have it.
tempfile.tempdir = {str(tmp_path)!r}
import numpy as np
from absl import flags
from jaxcnn.data.loader.pipeline import train_batches
from jaxcnn.data.spec import ArraySource
from jaxcnn.processes.signals import STOPPING

def main():
    source = ArraySource(np.zeros((50, 8, 8, 3), np.uint8), np.zeros(50, np.int32))
    batches = train_batches(
        source, (), batch_size=8, seed=0, stop_step=10**6, num_workers={num_workers}
    )
    next(batches)
    {then}

if __name__ == "__main__":
    flags.FLAGS.mark_as_parsed()
    main()
"""
        )
        done = run_python(str(path))
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.mark.parametrize("num_workers", [0, 1])
def test_program_that_abandons_its_batches_exits(num_workers, program):
    assert program(num_workers, "raise SystemExit(3)") == (3, "", "")


def test_signals_that_reach_workers_too_do_not_end_them(program):
    """A terminal sends Ctrl-C to a program and its workers alike."""
    then = (
        "[os.kill(worker.pid, number) for worker in multiprocessing.active_children() "
        "for number in STOPPING]; [next(batches) for _ in range(50)]; print('read')"
    )
    assert program(1, then) == (0, "read\n", "")


KILLED = """
import os, signal, sys, threading, time
sys.warnoptions.append("ignore:resource_tracker:UserWarning")  # As command lines have it.
from pathlib import Path
import numpy as np
from jaxcnn.data.loader.pipeline import train_batches
from jaxcnn.data.spec import ArraySource
from jaxcnn.errors import RunError

def kill_the_first_worker():
    while True:
        for children in Path("/proc/self/task").glob("*/children"):
            for pid in children.read_text().split():
                if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    time.sleep(SECONDS)
                    os.kill(int(pid), signal.SIGKILL)
                    return
        time.sleep(0.001)

def train():  # A batch left in a global is there when Grain, which is to free it, is not any more.
    images = np.zeros((50, 64, 64, 3), np.uint8)  # More than a pipe holds.
    source = ArraySource(images, np.zeros(50, np.int32))
    for _ in train_batches(source, (), batch_size=8, seed=0, stop_step=10**6, num_workers=2):
        pass

if __name__ == "__main__":
    threading.Thread(target=kill_the_first_worker).start()
    try:
        train()
    except RunError as error:
        print(error)
"""


@pytest.mark.parametrize("seconds", [0, 0.3])
def test_a_worker_that_is_killed_as_it_starts_is_one_line_and_not_waited_for(
    tmp_path, run_python, seconds
):
    path = tmp_path / "program.py"
    path.write_text(KILLED.replace("SECONDS", str(seconds)))
    done = run_python(str(path))
    assert re.fullmatch(r"worker process( \d+)? was ended by SIGKILL: .*\n", done.stdout), (
        done.stderr
    )
    assert done.stderr == ""


def test_a_program_that_starts_workers_of_workers_is_told_so(tmp_path, run_python):
    path = tmp_path / "program.py"
    path.write_text(
        KILLED.partition("def ")[0]
        + """
source = ArraySource(np.zeros((50, 64, 64, 3), np.uint8), np.zeros(50, np.int32))
try:
    next(train_batches(source, (), batch_size=8, seed=0, stop_step=9, num_workers=1))
except RunError as error:
    print(error)
"""
    )
    done = run_python(str(path))
    assert re.fullmatch(r"worker process( \d+)? ended with status 1; .*\n", done.stdout)
    assert 'below if __name__ == "__main__":' in done.stderr and done.stderr.count("\n") == 1


def test_a_signal_does_not_wait_for_workers_that_start():
    def slow():
        assert set(STOPPING) <= set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(30)

    started = time.monotonic()
    # A shell has what it starts in the background take no notice of Ctrl-C, tests for one.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            Workers().started_by(slow)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - started < 20


def test_workers_end_with_a_program_that_is_killed(program):
    # It would not return: they have the program's output open.
    status, _, _ = program(2, "os.kill(os.getpid(), signal.SIGKILL)")
    assert status == -signal.SIGKILL


def test_the_pipes_of_workers_are_closed_with_the_loop():
    def pipes() -> int:
        for _ in eval_batches(source_of(8), (), batch_size=8, num_workers=1):
            pass
        return len(list(Path("/proc/self/fd").iterdir()))

    gc.disable()  # When Python looks for cycles by itself is chance.
    try:
        first = pipes()
        assert pipes() <= first
    finally:
        gc.enable()


def skewed() -> ArraySource:
    """40 images of class 0 and 4 of class 1, each of one colour: its number."""
    images = np.arange(44, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)
    return ArraySource(images, np.repeat([0, 1], [40, 4]).astype(np.int32))


def test_balanced_sampling_draws_classes_equally_often_in_every_batch():
    batches = train_batches(skewed(), (), batch_size=8, seed=0, stop_step=10, sampling="balanced")
    assert [np.bincount(batch["label"]).tolist() for batch in batches] == [[4, 4]] * 10


def test_balanced_sampling_augments_an_examples_repeats_differently():
    batches = train_batches(
        skewed(), (RandomErasing(1.0),), batch_size=44, seed=0, stop_step=1, sampling="balanced"
    )
    batch = next(batches)
    small = batch["image"][batch["label"] == 1]
    assert len(small) == 22
    assert len({image.tobytes() for image in small}) == 22


def test_balanced_batches_depend_neither_on_workers_nor_on_the_start():
    options = {"batch_size": 8, "seed": 1, "stop_step": 12, "sampling": "balanced"}
    whole = list(train_batches(skewed(), AUGMENT, **options))
    assert_same(train_batches(skewed(), AUGMENT, **options, start_step=7), whole[7:])
    assert_same(train_batches(skewed(), AUGMENT, **options, num_workers=2), whole)
