"""fit(): the only training loop.

The loop's state is the training state on the devices and a small `progress` on the host; both are
in every checkpoint, and everything else is a function of the recipe and the step. So a run that is
killed at any moment goes on from its latest checkpoint as if nothing had happened.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console
from tensorboardX import SummaryWriter

from jaxcnn.checkpoint import Checkpoints, Progress, validation_rank
from jaxcnn.data import ExampleError
from jaxcnn.display import Display, show_result
from jaxcnn.distributed import is_first
from jaxcnn.errors import Interrupted, RunError, UserError
from jaxcnn.feed import Feed
from jaxcnn.metrics import add_sums
from jaxcnn.pretrained import Pretrained, head_note, read_pretrained, start_from
from jaxcnn.program import Evaluation, Program, build, evaluate
from jaxcnn.recipe import Recipe, check
from jaxcnn.run_folder import RunFolder
from jaxcnn.sharding import to_devices
from jaxcnn.state import eval_variables
from jaxcnn.stopping import StopFlag, StopRequested, stop_on_signal
from jaxcnn.throughput import Throughput

OnEpoch = Callable[[Mapping[str, Any]], None]

# Steps that may be under way before the host looks at the oldest one's metrics: enough to keep a
# device busy, few enough to notice a divergence at once.
STEPS_IN_FLIGHT = 2


def fit(
    recipe: Recipe,
    workdir: str | Path,
    *,
    console: Console | None = None,
    on_epoch: OnEpoch = lambda line: None,
) -> dict[str, Any]:
    """Trains `recipe` in the folder `workdir`, resuming what is there, and returns its summary.

    Validates after every epoch, keeps the best checkpoint by validation, and tests once, at the
    end, with that one. A run that has finished is not run again: its summary is returned. Of
    several processes (`jax.distributed`) that call this, the first alone shows and writes things;
    checkpoints, which all write parts of, must go to a folder that they share.

    Args:
        recipe: what to run.
        workdir: the run's folder.
        console: where progress is shown; standard error if not given.
        on_epoch: called with each line of `metrics.jsonl`, for a log elsewhere.

    Returns:
        `{"arch", "dataset", "seed", "params", "steps", "seconds", "val": {...}, "test": {...}}`
        with `{"top1", "top5", "loss", "n"}` per split, top1 and top5 as fractions; where images
        show several classes `{"mAP", "CF1", "OF1", "loss", "n"}`; and "left_out", by split the
        examples that could not be read, if there were any and the recipe skips them.

    Raises:
        UserError: the recipe cannot work, its data is missing, or the folder is another recipe's.
        RunError: the loss stopped being finite.
        Interrupted: SIGINT or SIGTERM; the state is saved.
    """
    check(recipe)
    first = is_first()
    folder = RunFolder(workdir, writes=first)
    folder.refuse_other(recipe)
    console = console or Console(stderr=True)
    if not first:
        console, on_epoch = Console(quiet=True), lambda line: None
    if (summary := folder.read_summary()) is not None:
        show_result(console, summary, folder.path)
        return summary
    pretrained = None
    if recipe.pretrained is not None:
        pretrained = read_pretrained(recipe.arch, recipe.pretrained)
        if pretrained.arch != recipe.arch:
            raise UserError(
                f"{recipe.pretrained} holds weights of {pretrained.arch}; "
                f"give --arch={pretrained.arch}"
            )
    feed = Feed(recipe, pretrained and pretrained.preprocessing)
    total_steps = feed.total_steps
    program = build(
        recipe,
        feed.spec,
        preprocessing=feed.preprocessing,
        steps_per_epoch=feed.steps_per_epoch,
        total_steps=total_steps,
        class_weights=feed.class_weights,
    )
    program.check_sizes(feed.stages.sizes[:-1])
    folder.claim(recipe)
    display = Display(
        console,
        total_steps=total_steps,
        num_epochs=math.ceil(total_steps / feed.steps_per_epoch),
    )
    with display, Checkpoints(folder.checkpoints) as checkpoints, stop_on_signal() as stop:
        checkpoints.drop_damaged(display.say)
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
        )
        summary = run.to_the_end()
    show_result(console, summary, folder.path)
    return summary


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
        self.pending: deque[tuple[int, dict[str, jax.Array]]] = deque()
        self.throughput = Throughput()
        self.image_size: int | None = None
        self.clock = time.monotonic()
        # Compilation takes longest: what else starts a run happens beside it.
        with ThreadPoolExecutor(1) as beside:
            compiled = beside.submit(self.compile_what_is_left)
            self.state, self.progress = self.resume()
            self.display.phase("compiling the training step")
            compiled.result()
        # What an earlier process logged past its last checkpoint is about to be repeated.
        self.tensorboard = SummaryWriter(
            str(folder.tensorboard),
            purge_step=int(self.state.step) + 1,
            write_to_disk=folder.writes,
        )

    def to_the_end(self) -> dict[str, Any]:
        step = int(self.state.step)
        batches = self.device_batches(step)
        try:
            while True:
                self.stop.check()
                if self.epoch_ends_at(step) and self.progress["evaluated_step"] < step:
                    self.end_epoch(step)
                if step == self.total_steps:
                    break
                self.begin_stage(step)
                batch = self.throughput.next_batch(batches)
                self.state, metrics = self.program.train_step(
                    self.state, batch, self.program.step_key
                )
                self.throughput.begin(metrics)
                step += 1
                self.pending.append((step, metrics))
                self.settle(leave=STEPS_IN_FLIGHT)
                if step % self.recipe.checkpoint_every_steps == 0 and not self.epoch_ends_at(step):
                    self.save()
            return self.finish()
        except StopRequested as request:
            self.save()
            self.checkpoints.wait()
            raise Interrupted(
                f"stopped at step {step} of {self.total_steps}, saved in {self.folder.path}; "
                "run the same command again to go on",
                request.signal_number,
            ) from request
        except ExampleError as error:
            self.save()
            self.checkpoints.wait()
            raise RunError(
                f"{error}; step {step} is saved: put that right and run the same command again to "
                "go on, or leave such pictures out by --on-error=skip in a new --workdir"
            ) from error
        finally:
            self.tensorboard.close()

    def compile_what_is_left(self) -> None:
        step = self.checkpoints.latest_step() or 0
        if step < self.total_steps:
            self.program.compile_train_step(self.feed.stages.size_at(step))

    def resume(self) -> tuple[Any, Progress]:
        """The latest checkpoint, or a fresh state with the pretrained weights, if any."""
        latest = self.checkpoints.latest_step()
        self.folder.drop_metrics_after(latest or 0)
        feed, recipe = self.feed, self.recipe
        self.display.say(
            f"{recipe.arch} on {recipe.dataset}: {self.program.num_params:,} parameters, "
            f"{len(feed.train):,} training and {len(feed.val):,} validation images, "
            f"{self.total_steps:,} steps of {recipe.batch_size} images at "
            f"{recipe.image_size}x{recipe.image_size}, {jax.default_backend()} "
            f"x {self.program.rows.mesh.size}"
        )
        if latest is not None:
            self.display.say(f"going on from step {latest} in {self.folder.path}")
            return self.checkpoints.restore(latest, self.program.state_like)
        self.display.phase("initialising")
        progress = {"epoch_sums": {}, "evaluated_step": 0, "best": None, "seconds": 0.0}
        state = self.program.init_state()
        if self.pretrained is not None:
            state, kept = start_from(state, self.pretrained)
            self.display.say(f"starting from {recipe.pretrained}")
            if kept:
                self.display.say(head_note(kept, self.pretrained, feed.spec.num_classes))
        return state, progress

    def device_batches(self, start_step: int) -> Iterator[dict[str, jax.Array]]:
        """Batches from `start_step` on, each sent to the devices one step before it is needed."""
        ahead: deque[dict[str, jax.Array]] = deque()
        for batch in self.feed.train_batches(start_step, self.total_steps):
            ahead.append(to_devices(batch, self.program.rows))
            if len(ahead) > 1:
                yield ahead.popleft()
        yield from ahead

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

    def settle(self, leave: int) -> None:
        """Takes in the metrics of all steps under way but the last `leave`.

        Raises RunError at the first step whose loss or gradient was not finite.
        """
        while len(self.pending) > leave:
            step, metrics = self.pending.popleft()
            metrics = jax.device_get(metrics)
            if not metrics.pop("finite"):
                self.diverged(step)
            self.progress["epoch_sums"] = add_sums(self.progress["epoch_sums"], metrics)
            self.throughput.lap(self.recipe.batch_size)
            epoch = math.ceil(step / self.feed.steps_per_epoch)
            figures = self.program.metrics.summarize(self.progress["epoch_sums"])
            self.display.step(step, epoch, figures, self.throughput.images_per_second)

    def diverged(self, step: int) -> None:
        self.checkpoints.wait()
        latest = self.checkpoints.latest_step()
        good = "there is no checkpoint yet" if latest is None else f"the last good one is {latest}"
        raise RunError(
            f"loss or gradient is not finite at step {step}; {good} in {self.folder.checkpoints}; "
            f"a lower --optim.lr (now {self.recipe.optim.lr:g}) or --optim.clip-norm=1 may help, "
            "in a new --workdir"
        )

    def save(self, *, evaluated: bool = False) -> None:
        """Saves the state, once it is known to be good."""
        self.settle(leave=0)
        self.count_seconds()
        self.checkpoints.save(self.state, self.progress, evaluated=evaluated)

    def end_epoch(self, step: int) -> None:
        """Validates, writes the epoch's line, and saves."""
        self.settle(leave=0)
        metrics = self.program.metrics
        train = metrics.summarize(self.progress["epoch_sums"])
        epoch = math.ceil(step / self.feed.steps_per_epoch)
        rate, waiting = self.throughput.images_per_second, self.throughput.waiting
        self.display.phase(f"validating epoch {epoch}")
        val = self.evaluate("val", eval_variables(self.state)).figures
        best = self.progress["best"]
        is_best = best is None or validation_rank(val) >= validation_rank(best)
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
        }
        self.folder.append_metrics(line)
        self.log_to_tensorboard(line)
        self.on_epoch(line)
        self.display.epoch(line, best=is_best)
        self.progress |= {"epoch_sums": {}, "evaluated_step": step}
        self.save(evaluated=True)
        self.throughput.start()

    def log_to_tensorboard(self, line: dict[str, Any]) -> None:
        for name, value in line.items():
            if name not in ("epoch", "step") and value is not None:
                self.tensorboard.add_scalar(name, value, line["step"])
        self.tensorboard.flush()

    def finish(self) -> dict[str, Any]:
        """Tests once, with the best checkpoint by validation, and writes the summary."""
        self.display.phase("testing the best checkpoint")
        best = self.progress["best"]
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
        if self.feed.left_out:
            summary["left_out"] = self.feed.left_out
        if self.folder.writes:
            # Here, since what it draws with takes a second to import.
            from jaxcnn.report import write_report

            write_report(
                self.folder.report,
                self.folder.read_metrics(),
                test,
                images=self.feed.test,
                class_names=self.feed.spec.class_names,
            )
        self.folder.write_summary(summary)
        return summary

    def count_seconds(self) -> None:
        """Adds the time since it was last called to the run's."""
        now = time.monotonic()
        self.progress["seconds"] += now - self.clock
        self.clock = now

    def evaluate(self, split: str, variables: Any) -> Evaluation:
        batches = self.feed.eval_batches(split)
        program = self.program
        return evaluate(
            program.eval_step,
            program.rows,
            variables,
            batches,
            metrics=program.metrics,
            between=self.stop.check,
        )
