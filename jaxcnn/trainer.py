"""fit(): the only training loop.

The loop's state is the training state on the devices and a small `progress` on the host; both are
in every checkpoint, and everything else is a function of the recipe and the step. So a run that is
killed at any moment goes on from its latest checkpoint as if nothing had happened.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import jax
import numpy as np
from rich.console import Console
from tensorboardX import SummaryWriter

from jaxcnn.checkpoint import Checkpoints, Progress, validation_rank
from jaxcnn.data import DataNotFound, ExampleError, dataset_at, load_split
from jaxcnn.data.errors import WorkerError
from jaxcnn.data.pipeline import HostSeconds
from jaxcnn.data.worker_processes import end_a_worker_that_starts_again
from jaxcnn.disk_full import is_disk_full
from jaxcnn.display import Display, show_result
from jaxcnn.distributed import begin_batch, is_first
from jaxcnn.errors import Interrupted, RunError, UserError
from jaxcnn.feed import Feed
from jaxcnn.lines import say_on
from jaxcnn.little_seen import little_seen
from jaxcnn.lost_reader import while_it_is_read
from jaxcnn.memory_full import one_line_if_memory_is_full
from jaxcnn.metrics import add_sums
from jaxcnn.optim import scheduled_at
from jaxcnn.phrases import first_few, reason
from jaxcnn.prefetch import Arrival, arrivals
from jaxcnn.pretrained import (
    Pretrained,
    head_note,
    of_its_weights,
    read_pretrained,
    start_from,
)
from jaxcnn.program import Evaluation, Program, build, evaluate
from jaxcnn.recipe import Recipe, check, data_place
from jaxcnn.run_data import SPLITS, run_data
from jaxcnn.run_folder import RunFolder
from jaxcnn.run_lock import locked
from jaxcnn.sharding import to_devices
from jaxcnn.state import eval_variables
from jaxcnn.stopping import StopFlag, StopRequested, in_background, stop_on_signal
from jaxcnn.throughput import Throughput
from jaxcnn.xla.garbage import garbage_collected_seldom
from jaxcnn.xla.gpu import autotuning_shared, on_gpu
from jaxcnn.xla.set_up import set_up

OnEpoch = Callable[[Mapping[str, Any]], None]

# Steps that may be under way before the host looks at the oldest one's metrics: enough to keep a
# device busy, few enough to notice a divergence at once.
STEPS_IN_FLIGHT = 2

# A run that is to live with losses or gradients that are not finite ends after so many steps left
# out one after the other, or so many times back: it would learn nothing more.
MOST_SKIPPED_IN_A_ROW = 10
MOST_ROLLBACKS = 10

TO_GO_ON = "run the same command again to go on"


def fit(
    recipe: Recipe,
    workdir: str | Path,
    *,
    console: Console | None = None,
    on_epoch: OnEpoch = lambda line: None,
    trace_folder: Path | None = None,
    extend: bool = False,
    command: str = "jaxcnn.fit",
) -> dict[str, Any]:
    """Trains `recipe` in the folder `workdir`, resuming what is there, and returns its summary.

    Validates after every epoch, keeps the best checkpoint by validation, and tests once, at the
    end, with that one. What is shown may go unread (a closed terminal, a pipe): the run goes on. A
    run that has finished is not run again: its summary is returned. Makes the
    process's settings of `jaxcnn.set_up`, or says in a line which it is too late for. Of
    several processes (`jax.distributed`) that call this, the first alone shows and writes things;
    checkpoints, which all write parts of, must go to a folder that they share.

    Args:
        recipe: what to run. Where its weights are of the other form of its architecture
            (`tf_efficientnet_b0` for `efficientnet_b0`), that is run, and a line says so.
        workdir: the run's folder.
        console: where progress is shown; standard error if not given.
        on_epoch: called with each line of `metrics.jsonl`, for a log elsewhere, once the epoch is
            saved; what it raises ends the run.
        trace_folder: where traced programs are kept, see `build`; traced at every start if not
            given.
        extend: go on with a run that is finished and was shorter, from its last checkpoint, its
            optimiser and averages. The learning rate's schedule, and progressive resizing's stages,
            are stretched: from there on they are what they would be had the run been this long from
            its start, so that a cosine's rate rises again. The summary of the shorter run is kept
            as `summary-STEPS.json`.
        command: what the run's folder is to say made it.

    Returns:
        `{"arch", "dataset", "seed", "params", "steps", "seconds", "val": {...}, "test": {...}}`
        with `{"top1", "top5", "loss", "n"}` per split, top1 and top5 as fractions; where images
        show several classes `{"mAP", "CF1", "OF1", "loss", "n"}`; "left_out", by split the
        examples that could not be read, if there were any and the recipe skips them; and
        "extended_from", the steps of the run before it was extended, if it was.

    Raises:
        UserError: the recipe cannot work, its data is missing, the folder is another recipe's or of
            other data, another process is running in it, or a batch does not fit a device's memory.
        RunError: the loss stopped being finite, the disk is full, no checkpoint is whole, or a
            worker process is gone.
        Interrupted: a signal to stop (`jaxcnn.signals`); the state is saved.
    """
    end_a_worker_that_starts_again()
    # Before anything that has JAX compute.
    off = set_up()
    check(recipe)
    first = is_first()
    console = console or Console(stderr=True)
    console.file = while_it_is_read(console.file)
    if not first:
        console, on_epoch = Console(quiet=True), lambda line: None
    say = partial(say_on, console)
    recipe = of_its_weights(recipe, say)
    folder = RunFolder(workdir, writes=first)
    folder.refuse_foreign()
    extends = extend and folder.is_extended_by(recipe)
    if not extends:
        folder.refuse_other(recipe)
    if (summary := folder.read_summary()) is not None and not extends:
        refuse_other_pictures(folder, recipe)
        if (was := folder.older_optimizer()) is not None:
            say(f"{folder.path} holds a run of an older version, {was}: its figures are that one's")
        show_result(console, summary, folder.path)
        return summary
    folder.refuse_older_optimizer()
    if off:
        say(off)
    pretrained = preprocessing = None
    if recipe.pretrained is not None:
        kept = folder.read_data()
        if kept is not None and folder.has_checkpoints():
            # What is at the source by now may be other weights, for images of another look.
            preprocessing = kept.input.preprocessing
        else:
            pretrained = read_pretrained(recipe.arch, recipe.pretrained)
            preprocessing = pretrained.preprocessing
    feed = Feed(recipe, preprocessing)
    sources = {split: feed.stored(split) for split in SPLITS}
    data, names = run_data(
        recipe,
        feed.spec,
        feed.input,
        sources,
        command=command,
        weights=pretrained and pretrained.origin,
    )
    folder.refuse_other_data(data, names)
    data = folder.as_begun(data)
    total_steps = feed.total_steps
    with garbage_collected_seldom():
        program = build(
            recipe,
            feed.spec,
            preprocessing=feed.input.preprocessing,
            steps_per_epoch=feed.steps_per_epoch,
            total_steps=total_steps,
            class_weights=feed.class_weights,
            trace_folder=trace_folder,
            autotuning=folder.autotuning,
        )
    tuned = recipe.deterministic and on_gpu(program.rows.device_set)
    program.check_sizes(feed.stages.sizes[:-1])
    display = Display(
        console,
        total_steps=total_steps,
        num_epochs=math.ceil(total_steps / feed.steps_per_epoch),
    )
    with (
        stop_on_signal() as stop,
        display,
        one_line_if_disk_is_full(folder),
        one_line_if_memory_is_full(recipe, program),
        locked(folder.path, display.say) if first else nullcontext(),
        Checkpoints(folder.checkpoints, run=data.run) as checkpoints,
        autotuning_shared(folder.autotuning) if tuned else nullcontext(_nothing) as compiled,
    ):
        # Once more, for another process may have had it.
        if extend and folder.is_extended_by(recipe):
            refuse_no_longer(folder, checkpoints.latest_step(), total_steps)
            folder.reopen(feed.steps_per_epoch)
        else:
            folder.refuse_other(recipe)
        folder.refuse_other_data(data, names)
        folder.claim(recipe, data, names)
        for line in data.changed:
            display.say(f"this run's training is not one from end to end: {line}")
        run = Run(
            recipe,
            folder,
            feed,
            program,
            total_steps,
            pretrained,
            checkpoints,
            display,
            stop,
            on_epoch,
            compiled,
        )
        summary = run.to_the_end()
    show_result(console, summary, folder.path)
    return summary


def _nothing() -> None:
    pass


def refuse_other_pictures(folder: RunFolder, recipe: Recipe) -> None:
    """Raises UserError if a finished run is of other pictures than those that are there now.

    Where they are gone, its figures are still its own; and a set with a name is what it was.
    """
    before = folder.read_data()
    if before is None or not folder.read_names():
        return
    with suppress(DataNotFound):
        data = dataset_at(recipe.dataset, data_place(recipe))
        sources = {split: load_split(data, split, data_place(recipe)) for split in SPLITS}
        now = run_data(recipe, data, before.input, sources, command=before.command)
        folder.refuse_other_data(*now)


def refuse_no_longer(folder: RunFolder, done: int | None, total_steps: int) -> None:
    """Raises UserError if a run of `done` steps cannot be extended to so many."""
    if done is None:
        raise UserError(f"{folder.path} has no checkpoint to go on from; give another --workdir")
    if total_steps <= done:
        raise UserError(
            f"{folder.path} holds a run of {done:,} steps; {total_steps:,} do not extend it: give "
            "more --epochs or --steps"
        )


@contextmanager
def one_line_if_disk_is_full(folder: RunFolder) -> Iterator[None]:
    try:
        yield
    except (UserError, RunError):
        raise  # It says itself what is full.
    except Exception as error:
        if not is_disk_full(error):
            raise
        saved = [int(p.name) for p in folder.checkpoints.glob("*") if p.name.isdigit()]
        latest = f"checkpoint {max(saved)} is kept" if saved else "there is no checkpoint yet"
        raise RunError(
            f"the disk of {folder.path} is full; {latest}; make room, and {TO_GO_ON}"
        ) from error


class NotFinite(Exception):
    """Loss or gradient was not finite at `step`, and the run is to be taken back."""

    def __init__(self, step: int) -> None:
        super().__init__(f"not finite at step {step}")
        self.step = step


class Run:
    """One run under way. `to_the_end` is the loop; the methods below it are its steps."""

    def __init__(
        self,
        recipe: Recipe,
        folder: RunFolder,
        feed: Feed,
        program: Program,
        total_steps: int,
        pretrained: Pretrained | None,
        checkpoints: Checkpoints,
        display: Display,
        stop: StopFlag,
        on_epoch: OnEpoch,
        compiled: Callable[[], None],
    ) -> None:
        self.recipe = recipe
        self.folder = folder
        self.feed = feed
        self.program = program
        self.total_steps = total_steps
        self.pretrained = pretrained
        self.checkpoints = checkpoints
        self.display = display
        self.stop = stop
        self.on_epoch = on_epoch
        self.compiled = compiled
        self.pending: deque[tuple[int, dict[str, jax.Array]]] = deque()
        self.throughput = Throughput()
        self.image_size: int | None = None
        self.clock = time.monotonic()
        try:
            self.state, self.progress = in_background(self.start)
        except StopRequested as request:
            raise Interrupted(
                f"stopped before a step was done; {TO_GO_ON}", request.signal_number
            ) from request
        # What an earlier process logged past its last checkpoint is about to be repeated.
        self.tensorboard = SummaryWriter(
            str(folder.tensorboard),
            purge_step=int(self.state.step) + 1,
            write_to_disk=folder.writes,
        )

    def to_the_end(self) -> dict[str, Any]:
        try:
            while not self.trained_from(int(self.state.step)):
                pass
            return self.finish()
        except StopRequested as request:
            self.save_before_the_end()
            raise Interrupted(
                f"stopped at step {int(self.state.step)} of {self.total_steps}, saved in "
                f"{self.folder.path}; {TO_GO_ON}",
                request.signal_number,
            ) from request
        except ExampleError as error:
            self.save_before_the_end()
            self.folder.keep_unreadable(str(error))
            raise RunError(
                f"{error}; step {int(self.state.step)} is saved: put that right and {TO_GO_ON}, or "
                "leave such pictures out by --on-error=skip in a new --workdir"
            ) from error
        except WorkerError as error:
            self.save_before_the_end()
            raise RunError(f"{error}; step {int(self.state.step)} is saved, {TO_GO_ON}") from error
        finally:
            self.tensorboard.close()

    def trained_from(self, step: int) -> bool:
        """Trains from `step` to the end of the run, or until the run was taken back: False."""
        try:
            with closing(self.device_batches(step)) as batches:
                while True:
                    self.stop.check()
                    if self.epoch_ends_at(step) and self.progress["evaluated_step"] < step:
                        self.end_epoch(step)
                    if step == self.total_steps:
                        return True
                    self.begin_stage(step)
                    self.state, metrics = self.program.train_step(
                        self.state, self.throughput.next_batch(batches), self.program.step_key
                    )
                    self.throughput.begin(metrics)
                    step += 1
                    self.pending.append((step, metrics))
                    self.settle(leave=STEPS_IN_FLIGHT)
                    if self.saves_at(step):
                        self.save()
        except NotFinite as bad:
            self.roll_back(bad.step)
            return False

    def save_before_the_end(self) -> None:
        try:
            self.save()
        except NotFinite as bad:
            self.roll_back(bad.step)
        self.checkpoints.wait()

    def start(self) -> tuple[Any, Progress]:
        """State and progress to begin with, and the training step compiled."""
        self.checkpoints.drop_damaged(self.display.say)
        feed, recipe = self.feed, self.recipe
        if on_gpu(self.program.rows.device_set) and not recipe.deterministic:
            self.display.say(
                "not reproducible to the bit on a GPU; --deterministic is, and costs some speed "
                "(docs/gpu.md)"
            )
        self.display.say(
            f"{recipe.arch} on {recipe.dataset}: {feed.spec.num_classes:,} classes "
            f"({first_few(feed.spec.class_names)}), {self.program.num_params:,} parameters, "
            f"{len(feed.train):,} training and {len(feed.val):,} validation images, "
            f"{self.total_steps:,} steps of {recipe.batch_size} images at "
            f"{recipe.image_size}x{recipe.image_size}, {jax.default_backend()} "
            f"x {self.program.rows.mesh.size}"
        )
        for note in feed.spec.all_notes:
            self.display.say(note)
        if (line := little_seen(recipe, feed.spec, self.program)) is not None:
            self.display.say(line)
        step = self.checkpoints.latest_step() or 0
        if step == self.total_steps:
            return self.resume()
        measured = ""
        if recipe.workers == "auto":
            measured = f": preparing an image takes a core {1e3 * feed.seconds_an_image:.3g} ms"
        self.display.say(f"{feed.hands}{measured}")
        # Beside the state's own program: its compilation leaves Python to the tracing of the step.
        with garbage_collected_seldom(), ThreadPoolExecutor(1) as beside:
            resumed = beside.submit(self.resume)
            self.display.phase("tracing the training step")
            lowered = self.program.lower_train_step(self.feed.stages.size_at(step))
            self.display.phase("compiling the training step")
            lowered.compile()
            self.compiled()
            return resumed.result()

    def resume(self) -> tuple[Any, Progress]:
        """The latest checkpoint, or a fresh state with the pretrained weights, if any."""
        latest = self.checkpoints.latest_step()
        self.folder.drop_metrics_after(latest or 0)
        if latest is not None:
            self.display.say(f"going on from step {latest} in {self.folder.path}")
            return self.checkpoints.restore(latest, self.program.state_like)
        self.display.phase("initialising")
        progress = {"epoch_sums": {}, "evaluated_step": 0, "best": None, "seconds": 0.0}
        return self.fresh_state(), progress

    def fresh_state(self) -> Any:
        state = self.program.init_state()
        if self.recipe.pretrained is not None:
            # Read already, unless there seemed to be a checkpoint to go on from.
            pretrained = self.pretrained or read_pretrained(
                self.recipe.arch, self.recipe.pretrained
            )
            state, kept = start_from(state, pretrained)
            self.display.say(f"starting from {pretrained.origin}")
            for note in pretrained.notes:
                self.display.say(note)
            if kept:
                classes = self.feed.spec.num_classes
                self.display.say(head_note(kept, pretrained, classes))
        return state

    def device_batches(self, start_step: int) -> Generator[Arrival]:
        """Batches from `start_step` on, sent to the devices before they are needed."""
        seconds: deque[HostSeconds] = deque()
        batches = self.feed.train_batches(start_step, self.total_steps, seconds.append)
        send = partial(to_devices, sharding=self.program.rows)
        with closing(arrivals(batches, seconds, send)) as arriving:
            for arrival in arriving:
                begin_batch()
                yield arrival
                del arrival

    def begin_stage(self, step: int) -> None:
        """Says which size images have from here on, where that changes during the run."""
        sizes = self.feed.stages.sizes
        size = self.feed.stages.size_at(step)
        if len(sizes) > 1 and size != self.image_size:
            self.settle(leave=0)
            self.display.say(f"step {step + 1}: training on {size}x{size} from here on")
            self.display.phase(f"compiling the training step for {size}x{size}")
            self.image_size = size

    def epoch_ends_at(self, step: int) -> bool:
        return step > 0 and (step % self.feed.steps_per_epoch == 0 or step == self.total_steps)

    def saves_at(self, step: int) -> bool:
        """Whether to save within an epoch; its end is saved once it is validated."""
        return step % self.recipe.checkpoint_every_steps == 0 and not self.epoch_ends_at(step)

    def settle(self, leave: int) -> None:
        """Takes in the metrics of all steps under way but the last `leave`.

        At a step whose loss or gradient is not finite, raises RunError, or NotFinite if the run is
        to be taken back; or counts it, if it is one of those to be left out.
        """
        while len(self.pending) > leave:
            step, metrics = self.pending.popleft()
            metrics = jax.device_get(metrics)
            self.throughput.lap(self.recipe.batch_size)
            if not metrics.pop("finite"):
                self.not_finite(step)
                continue
            if "skipped" in self.progress:
                self.progress["skipped"]["in_a_row"] = 0
            self.progress["epoch_sums"] = add_sums(self.progress["epoch_sums"], metrics)
            epoch = math.ceil(step / self.feed.steps_per_epoch)
            figures = self.program.metrics.summarize(self.progress["epoch_sums"])
            self.display.step(step, epoch, figures, self.throughput.images_per_second)

    def not_finite(self, step: int) -> None:
        """Does what the recipe says to do at such a step."""
        if self.recipe.on_nan == "stop":
            self.diverged(
                step, "--on-nan=skip or rollback goes on from there; or, in a new --workdir,"
            )
        if self.recipe.on_nan == "rollback":
            raise NotFinite(step)
        before = self.progress.get("skipped", {"steps": 0, "in_a_row": 0})
        counts = {name: count + 1 for name, count in before.items()}
        self.progress["skipped"] = counts
        if counts["in_a_row"] == MOST_SKIPPED_IN_A_ROW:
            self.diverged(step, f"nor was it at the {MOST_SKIPPED_IN_A_ROW - 1} steps before;")
        self.display.say(
            f"step {step} is left out: loss or gradient is not finite ({counts['steps']} so far)"
        )

    def roll_back(self, step: int) -> None:
        """Takes the weights back to the last epoch's end, and the run on to `step`.

        The batches since then, among them the one at which loss or gradient was not finite, are
        left out, as PaLM's training left out those around a spike of the loss (Chowdhery et al.,
        2022, https://arxiv.org/abs/2204.02311, section 5.1). The end of an epoch, and not another
        checkpoint, so that all depends on the recipe alone.
        """
        self.pending.clear()
        rollbacks = [*self.progress.get("rollbacks", []), step]
        if len(rollbacks) > MOST_ROLLBACKS:
            self.diverged(step, f"after {MOST_ROLLBACKS} times back;")
        self.checkpoints.wait()
        origin = self.progress["evaluated_step"]
        if origin > 0:
            state, _ = self.checkpoints.restore(origin, self.program.state_like)
        else:
            state = self.fresh_state()
        here = np.int32(step)
        state = state.replace(step=here, opt_state=scheduled_at(state.opt_state, here))
        # Each count gets an array of its own: a buffer cannot be donated twice.
        self.state = jax.tree.map(
            lambda leaf, like: jax.device_put(leaf, like.sharding), state, self.program.state_like
        )
        self.progress["rollbacks"] = rollbacks
        self.display.say(
            f"loss or gradient is not finite at step {step}: going on from there with the weights "
            f"of step {origin} ({len(rollbacks)} times so far)"
        )
        self.save()

    def diverged(self, step: int, note: str) -> NoReturn:
        self.checkpoints.wait()
        latest = self.checkpoints.latest_step()
        good = "there is no checkpoint yet" if latest is None else f"the last good one is {latest}"
        raise RunError(
            f"loss or gradient is not finite at step {step}; {good} in {self.folder.checkpoints}; "
            f"{note} a lower --optim.lr (now {self.recipe.optim.lr:g}) or --optim.clip-norm=1 may "
            "help"
        )

    def save(self, *, evaluated: bool = False) -> None:
        """Saves the state, once it is known to be good."""
        self.settle(leave=0)
        self.count_seconds()
        self.checkpoints.save(self.state, self.progress, evaluated=evaluated)

    def end_epoch(self, step: int) -> None:
        """Validates, writes the epoch's line, and saves."""
        self.settle(leave=0)
        if not self.progress["epoch_sums"]:
            self.diverged(step, "nor was it at any other step of the epoch;")
        metrics = self.program.metrics
        train = metrics.summarize(self.progress["epoch_sums"])
        epoch = math.ceil(step / self.feed.steps_per_epoch)
        rate, waiting = self.throughput.images_per_second, self.throughput.waiting
        seconds = self.throughput.seconds
        self.display.phase(f"validating epoch {epoch}")
        val = self.evaluate("val", eval_variables(self.state)).figures
        self.compiled()
        rank, best = validation_rank(val), self.progress["best"]
        best_rank = None if best is None else validation_rank(best)
        is_best = rank is not None and (best_rank is None or rank >= best_rank)
        if is_best:
            self.progress["best"] = {"step": step, **val}
        line = {
            "epoch": epoch,
            "step": step,
            "lr": np.asarray(self.program.schedule(step - 1)).item(),
            **{f"train_{name}": train[name] for name in ("loss", *metrics.batch_figures)},
            **{f"val_{name}": val[name] for name in ("loss", *metrics.figures)},
            "images_per_second": rate,
            "waiting_for_data": waiting,
            "data_seconds": seconds,
            **self.left_out(),
        }
        self.folder.append_metrics(line)
        self.log_to_tensorboard(line)
        self.progress |= {"epoch_sums": {}, "evaluated_step": step}
        self.save(evaluated=True)
        # What others make of the line may fail, and the epoch is not to be lost with it.
        self.on_epoch(line)
        self.display.epoch(line, best=is_best)
        self.throughput.start()

    def log_to_tensorboard(self, line: dict[str, Any]) -> None:
        spent = line["data_seconds"] or {}
        figures = {**line, **{f"data_seconds/{name}": spent[name] for name in spent}}
        for name, value in figures.items():
            if name not in ("epoch", "step", "data_seconds") and value is not None:
                self.tensorboard.add_scalar(name, value, line["step"])
        self.tensorboard.flush()

    def finish(self) -> dict[str, Any]:
        """Tests once, with the best checkpoint by validation, writes the summary, and draws."""
        self.display.phase("testing the best checkpoint")
        best = self.progress["best"]
        if best is None:
            raise RunError(
                "the validation loss was finite after no epoch, so there is no best one to test; a "
                f"lower --optim.lr (now {self.recipe.optim.lr:g}) in a new --workdir may help"
            )
        self.checkpoints.wait()
        state, _ = self.checkpoints.restore(best["step"], self.program.state_like)
        test = self.evaluate("test", eval_variables(state))
        self.count_seconds()
        summary = {
            "arch": self.recipe.arch,
            "dataset": self.recipe.dataset,
            "seed": self.recipe.seed,
            "params": self.program.num_params,
            "steps": self.total_steps,
            "seconds": self.progress["seconds"],
            "val": {name: best[name] for name in (*self.program.metrics.figures, "loss", "n")},
            "test": test.figures,
        }
        summary |= self.left_out()
        if (steps := self.folder.extended_from()) is not None:
            summary["extended_from"] = steps
        if self.feed.left_out:
            summary["left_out"] = self.feed.left_out
        self.folder.write_summary(summary)
        if self.folder.writes:
            self.write_report(test)
        return summary

    def write_report(self, test: Evaluation) -> None:
        """Draws the run. What keeps it from that costs the pictures: the result is there."""
        # Here, since what it draws with takes a second to import.
        from jaxcnn.report import write_report

        try:
            write_report(
                self.folder.report,
                self.folder.read_metrics(),
                test,
                images=self.feed.test,
                class_names=self.feed.spec.class_names,
            )
        except Exception as error:  # Whatever a picture, a font or a disk makes it raise.
            self.display.say(
                f"{self.folder.report} is not whole ({reason(error)}); the figures are, in "
                "summary.json"
            )

    def left_out(self) -> dict[str, int]:
        """How many steps were left out so far, and how often the run was taken back, if at all."""
        counts = {
            "skipped_steps": self.progress.get("skipped", {"steps": 0})["steps"],
            "rollbacks": len(self.progress.get("rollbacks", [])),
        }
        return {name: count for name, count in counts.items() if count}

    def count_seconds(self) -> None:
        """Adds the time since it was last called to the run's."""
        now = time.monotonic()
        self.progress["seconds"] += now - self.clock
        self.clock = now

    def evaluate(self, split: str, variables: Any) -> Evaluation:
        batches = self.feed.eval_batches(split)
        program = self.program

        def between() -> None:
            self.stop.check()
            begin_batch()

        return evaluate(
            # In the background, since its first call compiles.
            partial(in_background, program.eval_step),
            program.rows,
            variables,
            batches,
            metrics=program.metrics,
            between=between,
        )
