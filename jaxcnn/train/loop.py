"""The only training loop.

Its state is the training state on the devices and a small `progress` on the host; both are in every
checkpoint, and everything else is a function of the recipe and the step. So a run that is killed at
any moment goes on from its latest checkpoint as if nothing had happened.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import numpy as np

from jaxcnn.data import ExampleError
from jaxcnn.data.errors import WorkerError
from jaxcnn.engine.evaluate import Evaluation, evaluate
from jaxcnn.engine.feed import Feed
from jaxcnn.engine.program import Program
from jaxcnn.engine.state import TrainState, eval_variables
from jaxcnn.engine.step import NORMS, STEPS_IN_FLIGHT
from jaxcnn.errors import Interrupted, RunError
from jaxcnn.processes.distributed import begin_batch
from jaxcnn.processes.stopping import StopFlag, StopRequested, in_background
from jaxcnn.recipe import Recipe
from jaxcnn.run.checkpoint import Checkpoints, validation_rank
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.progress import Progress
from jaxcnn.run.test_uses import note_test_use
from jaxcnn.task.metrics import add_sums
from jaxcnn.train.display import Display
from jaxcnn.train.logs import Logs
from jaxcnn.train.not_finite import (
    AtNotFinite,
    Diverged,
    LossNotFinite,
    TakenBack,
    one_line_if_diverged,
)
from jaxcnn.train.result import draw_report, summary_of
from jaxcnn.train.start import Start
from jaxcnn.train.step_profile import StepProfile
from jaxcnn.train.supply import Supply
from jaxcnn.train.throughput import Throughput

OnEpoch = Callable[[Mapping[str, Any]], None]

TO_GO_ON = "run the same command again to go on"


@dataclass
class Run:
    """One run under way. `to_the_end` is the loop; the methods below it are its steps."""

    recipe: Recipe
    folder: RunFolder
    feed: Feed
    program: Program
    supply: Supply
    start: Start
    state: TrainState
    progress: Progress
    checkpoints: Checkpoints
    display: Display
    logs: Logs
    profile: StepProfile
    stop: StopFlag
    at_not_finite: AtNotFinite
    callbacks: Sequence[OnEpoch]
    command: str
    clock: float  # when the run's seconds were counted last
    # By the first of the steps, counted from 1, that were dispatched together, and how many.
    pending: deque[tuple[int, int, dict[str, jax.Array]]] = field(default_factory=deque)
    throughput: Throughput = field(default_factory=Throughput)
    image_size: int | None = None

    def to_the_end(self) -> dict[str, Any]:
        with one_line_if_diverged(self.recipe, self.folder, self.checkpoints):
            return self.to_the_end_or_stopped()

    def to_the_end_or_stopped(self) -> dict[str, Any]:
        try:
            while not self.trained_from(int(self.state.step)):
                pass
            return self.finish()
        except StopRequested as request:
            self.save_before_the_end()
            raise Interrupted(
                f"stopped at step {int(self.state.step)} of {self.feed.total_steps}, saved in "
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

    def trained_from(self, step: int) -> bool:
        """Trains from `step` to the end of the run, or until the run was taken back: False."""
        try:
            with closing(self.supply.training(step, self.next_stop)) as batches:
                while True:
                    self.stop.check()
                    if self.epoch_ends_at(step) and self.progress.evaluated_step < step:
                        self.end_epoch(step)
                    if step == self.feed.total_steps or self.has_stopped_early(step):
                        return True
                    self.begin_stage(step)
                    arrival = self.throughput.next_arrival(batches)
                    with self.profile.step(step + 1):
                        self.state, metrics = self.program.train(
                            self.state, arrival.batch, self.program.step_key
                        )
                    self.throughput.begin(metrics)
                    self.pending.append((step + 1, arrival.steps, metrics))
                    step += arrival.steps
                    del arrival
                    self.settle(leave=STEPS_IN_FLIGHT)
                    if self.profile.ends_at(step):
                        self.settle(leave=0)
                        self.profile.end()
                    if self.saves_at(step):
                        self.save()
        except TakenBack as back:
            self.take_back(back.step)
            return False

    def save_before_the_end(self) -> None:
        try:
            self.save()
        except TakenBack as back:
            self.take_back(back.step)
        self.checkpoints.wait()

    def next_stop(self, step: int) -> int:
        """The next step after `step` at which something else is to be done."""
        every = self.feed.steps_per_epoch, self.recipe.checkpoint_every_steps
        ends = [(step // each + 1) * each for each in every]
        return int(min(*ends, self.profile.next_edge(step), self.feed.total_steps))

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
        return step > 0 and (step % self.feed.steps_per_epoch == 0 or step == self.feed.total_steps)

    def has_stopped_early(self, step: int) -> bool:
        """Whether so many epochs up to `step` were no better that the recipe ends the run here."""
        patience, best = self.recipe.early_stopping, self.progress.best
        if patience is None or step != self.progress.evaluated_step:
            return False
        # Before any epoch whose loss was finite there is none to be better than.
        best_step = 0 if best is None else best["step"]
        epochs = (math.ceil(each / self.feed.steps_per_epoch) for each in (step, best_step))
        return next(epochs) - next(epochs) >= patience

    def saves_at(self, step: int) -> bool:
        """Whether to save within an epoch; its end is saved once it is validated."""
        return step % self.recipe.checkpoint_every_steps == 0 and not self.epoch_ends_at(step)

    def settle(self, leave: int) -> None:
        """Takes in the metrics of all dispatches under way but the last `leave`."""
        while len(self.pending) > leave:
            first, count, results = self.pending.popleft()
            results = {name: np.ravel(each) for name, each in jax.device_get(results).items()}
            self.throughput.lap(count * self.recipe.batch_size)
            for number in range(count):
                of_step = {name: each[number] for name, each in results.items()}
                self.take_in(first + number, of_step)
            self.show(first + count - 1)

    def take_in(self, step: int, results: dict[str, Any]) -> None:
        """The metrics of a step, in turn.

        At a step whose loss or gradient is not finite, does what `at_not_finite` says.
        """
        norms = {name: float(results.pop(name)) for name in NORMS}
        finite = results.pop("finite")
        if step % self.recipe.log_every_steps == 0:
            loss = float(results["loss"] / results["n"])
            self.logs.step({"step": step, "loss": loss, "lr": self.rate_of(step), **norms})
        if not finite:
            self.display.say(self.at_not_finite(step, self.progress))
            return
        self.progress.good_step()
        self.progress.epoch_sums = add_sums(self.progress.epoch_sums, results)

    def show(self, step: int) -> None:
        """How far the run has come."""
        if sums := self.progress.epoch_sums:
            epoch = math.ceil(step / self.feed.steps_per_epoch)
            figures = self.program.task.metrics.summarize(sums)
            self.display.step(step, epoch, figures, self.throughput.images_per_second)

    def rate_of(self, step: int) -> float:
        """The learning rate of a step, counted from 1."""
        return np.asarray(self.program.schedule(step - 1)).item()

    def take_back(self, step: int) -> None:
        """Takes the weights back to the last epoch's end, and the run on to `step`.

        The batches since then, among them the one at which loss or gradient was not finite, are
        left out, as PaLM's training left out those around a spike of the loss (Chowdhery et al.,
        2022, https://arxiv.org/abs/2204.02311, section 5.1). The end of an epoch, and not another
        checkpoint, so that all depends on the recipe alone.
        """
        self.pending.clear()
        self.checkpoints.wait()
        origin = self.progress.evaluated_step
        self.state = self.start.state_of(origin, at_step=step)
        self.display.say(
            f"loss or gradient is not finite at step {step}: going on from there with the weights "
            f"of step {origin} ({len(self.progress.rollbacks)} times so far)"
        )
        self.save()

    def save(self, *, evaluated: bool = False) -> None:
        """Saves the state, once it is known to be good."""
        self.settle(leave=0)
        self.count_seconds()
        self.checkpoints.save(self.state, self.progress, evaluated=evaluated)

    def count_seconds(self) -> None:
        """Adds the time since it was last called to the run's."""
        now = time.monotonic()
        self.progress.seconds += now - self.clock
        self.clock = now

    def end_epoch(self, step: int) -> None:
        """Validates, writes the epoch's line, and saves."""
        self.settle(leave=0)
        if not self.progress.epoch_sums:
            raise Diverged(step, "nor was it at any other step of the epoch;")
        metrics = self.program.task.metrics
        train = metrics.summarize(self.progress.epoch_sums)
        epoch = math.ceil(step / self.feed.steps_per_epoch)
        rate, waiting = self.throughput.images_per_second, self.throughput.waiting
        seconds = self.throughput.seconds
        fresh = self.program.fresh_statistics
        if fresh is not None and step >= fresh.first:
            self.display.phase("computing the average's batch statistics")
            batches = self.supply.evaluation("train_sample")
            stats = in_background(partial(fresh, eval_variables(self.state), batches))
            self.state = self.state.replace(ema_batch_stats=stats)
        self.display.phase(f"validating epoch {epoch}")
        val = self.evaluate("val", self.state).figures
        sample = self.evaluate("train_sample", self.state).figures
        self.start.compiled()
        rank, best = validation_rank(val), self.progress.best
        best_rank = None if best is None else validation_rank(best)
        is_best = rank is not None and (best_rank is None or rank >= best_rank)
        if is_best:
            self.progress.best = {"step": step, **val}
        line = {
            "epoch": epoch,
            "step": step,
            "lr": self.rate_of(step),
            **{f"train_{name}": train[name] for name in ("loss", *metrics.batch_figures)},
            **{f"val_{name}": val[name] for name in ("loss", *metrics.figures)},
            **{f"train_sample_{name}": sample[name] for name in ("loss", *metrics.figures)},
            "images_per_second": rate,
            "waiting_for_data": waiting,
            "data_seconds": seconds,
            **self.progress.left_out(),
        }
        self.logs.epoch(line)
        self.progress.epoch_sums, self.progress.evaluated_step = {}, step
        self.save(evaluated=True)
        # What others make of the line may fail, and the epoch is not to be lost with it.
        for callback in self.callbacks:
            callback(line)
        self.display.epoch(line, best=is_best)
        self.throughput.start()

    def finish(self) -> dict[str, Any]:
        """Tests once, with the best checkpoint by validation, writes the summary, and draws.

        Without `recipe.test` the summary of the validation is all.
        """
        steps = int(self.state.step)
        if steps < self.feed.total_steps:
            self.display.say(
                f"stopped early, at step {steps:,} of {self.feed.total_steps:,}: no epoch of the "
                f"last {self.recipe.early_stopping} was better"
            )
        best = self.progress.best
        if best is None:
            raise LossNotFinite(
                "the validation loss was finite after no epoch, so there is no best one; a "
                f"lower --optim.lr (now {self.recipe.optim.lr:g}) in a new --workdir may help"
            )
        self.checkpoints.wait()
        if not self.recipe.test:
            self.count_seconds()
            summary = self.summary(steps, None)
            self.folder.write_summary(summary)
            return summary
        self.display.phase("testing the best checkpoint")
        state, _ = self.checkpoints.restore(best["step"], self.program.state_like)
        test = self.evaluate("test", state)
        self.count_seconds()
        summary = self.summary(steps, test)
        note_test_use(self.folder.path, by=self.command, say=self.display.say)
        self.folder.write_summary(summary)
        if self.folder.writes:
            draw_report(self.folder, self.feed, self.program, state, test, self.display)
        return summary

    def summary(self, steps: int, test: Evaluation | None) -> dict[str, Any]:
        return summary_of(
            self.recipe, self.folder, self.feed, self.program, self.progress, test, steps=steps
        )

    def evaluate(self, split: str, state: TrainState) -> Evaluation:
        program = self.program

        def between() -> None:
            self.stop.check()
            begin_batch()

        return evaluate(
            # In the background, since its first call compiles.
            partial(in_background, program.eval_step),
            program.rows,
            eval_variables(state),
            self.supply.evaluation(split),
            task=program.task,
            keep=split == "test",
            between=between,
        )
