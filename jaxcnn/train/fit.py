"""fit(): a recipe made a run in a folder, and trained to its end."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from jaxcnn.data.loader.worker_processes import end_a_worker_that_starts_again
from jaxcnn.engine.given import given_to
from jaxcnn.engine.program import build
from jaxcnn.errors import Interrupted, RunError, UserError
from jaxcnn.files.disk_full import is_disk_full
from jaxcnn.processes.distributed import is_first
from jaxcnn.processes.lost_reader import while_it_is_read
from jaxcnn.processes.stopping import StopFlag, StopRequested, in_background, stop_on_signal
from jaxcnn.recipe import Recipe, check
from jaxcnn.run.checkpoint import Checkpoints
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.lock import locked
from jaxcnn.run.pretrained import of_its_weights
from jaxcnn.run.teacher import tell_of_teacher
from jaxcnn.text.lines import say_on
from jaxcnn.train.beside import Beside
from jaxcnn.train.display import Display, show_result
from jaxcnn.train.logs import Logs
from jaxcnn.train.loop import TO_GO_ON, OnEpoch, Run
from jaxcnn.train.memory_full import one_line_if_memory_is_full
from jaxcnn.train.not_finite import at_not_finite
from jaxcnn.train.opening import finished, open_run, refuse_no_longer
from jaxcnn.train.start import Start
from jaxcnn.train.step_profile import StepProfile
from jaxcnn.train.supply import Supply
from jaxcnn.xla.garbage import garbage_collected_seldom
from jaxcnn.xla.gpu import autotuning_shared, on_gpu
from jaxcnn.xla.set_up import set_up

StopWhenAsked = Callable[[], AbstractContextManager[StopFlag]]


def fit(
    recipe: Recipe,
    workdir: str | Path,
    *,
    model: Any = None,
    data: Any = None,
    task: Any = None,
    transforms: Sequence[Any] = (),
    callbacks: Sequence[OnEpoch] = (),
    console: Console | None = None,
    trace_folder: Path | None = None,
    extend: bool = False,
    command: str = "jaxcnn.fit",
    profile: range = range(0),
    stop_when_asked: StopWhenAsked = stop_on_signal,
    beside: Beside | None = None,
) -> dict[str, Any]:
    """Trains `recipe` in the folder `workdir`, resuming what is there, and returns its summary.

    Validates after every epoch, keeps the best checkpoint by validation, and tests once, at the
    end, with that one; a recipe without `test` leaves the test split unopened. What is shown may
    go unread (a closed terminal, a pipe): the run goes on. A run that has finished is not run
    again: its summary is returned. Makes the process's settings of `jaxcnn.set_up`, or says in a
    line which it is too late for. Of several processes (`jax.distributed`) that call this, the
    first alone shows and writes things; checkpoints, which all write parts of, must go to a folder
    that they share.

    Args:
        recipe: what to run. Where its weights are of the other form of its architecture
            (`tf_efficientnet_b0` for `efficientnet_b0`), that is run, and a line says so.
        workdir: the run's folder.
        model: a Linen module, `module.apply(variables, images, train=bool) -> logits [N, K]`,
            float32, in the place of the recipe's architecture, whose name and fields then count for
            nothing; K is the module's own. What it draws comes from `make_rng("dropout")`, running
            averages are in "batch_stats".
        data: the data set, in the place of the recipe's: a `DatasetSpec`, or whatever
            `jaxcnn.as_dataset` takes.
        task: what is learned, a `jaxcnn.task.task.Task`, in the place of the recipe's; or a
            function that makes one of that: `lambda task: replace(task, train_loss=focal)`.
        transforms: augmentations of the training images, after the recipe's own, when images have
            the size and the channels that the model takes. Each is called with an image, uint8
            [H, W, C], and a `np.random.Generator`, and gives such an image; the same bits again for
            the same numbers. The host does them, as it does the recipe's larger ones.
        callbacks: each is called with each line of `metrics.jsonl`, in their order, once the epoch
            is saved; what they raise ends the run.
        console: where progress is shown; standard error if not given.
        trace_folder: where traced programs are kept, see `build`; traced at every start if not
            given.
        extend: go on with a run that is finished and was shorter, from its last checkpoint, its
            optimiser and averages. The learning rate's schedule, and progressive resizing's stages,
            are stretched: from there on they are what they would be had the run been this long from
            its start, so that a cosine's rate rises again. The summary of the shorter run is kept
            as `summary-STEPS.json`.
        command: what the run's folder is to say made it.
        profile: steps, counted from 1, whose trace by `jax.profiler` goes to the folder `profile`.
        stop_when_asked: gives the flag that is looked at between steps, for as long as the run
            takes; a signal sets it if not given.
        beside: what is shared with other runs of this recipe that go on at the same time.

    Returns:
        `{"arch", "dataset", "seed", "params", "steps", "seconds", "val": {...}, "test": {...}}`
        with `{"top1", "top5", "loss", "n"}` per split, top1 and top5 as fractions, "test" if the
        recipe says so, and "fold" if it has one; where images
        show several classes `{"mAP", "CF1", "OF1", "loss", "n"}`; "left_out", by split the
        examples that could not be read, if there were any and the recipe skips them; and
        "extended_from", the steps of the run before it was extended, if it was.

    Raises:
        UserError: the recipe cannot work, its data is missing, the folder is another recipe's or of
            other data, another process is running in it, or a batch does not fit a device's memory.
        RunError: the loss stopped being finite, the disk is full, no checkpoint is whole, or a
            worker process is gone.
        Interrupted: a signal to stop (`jaxcnn.processes.signals`); the state is saved.
    """
    end_a_worker_that_starts_again()
    # Before anything that has JAX compute.
    off = set_up()
    first = is_first()
    console = console or Console(stderr=True)
    console.file = while_it_is_read(console.file)
    if not first:
        console, callbacks = Console(quiet=True), ()
    if callable(callbacks):
        raise UserError("callbacks is one function; give a list of them")
    say = partial(say_on, console)
    check(recipe)
    recipe, given = given_to(
        recipe, model=model, data=data, task=task, transforms=transforms, tell=say
    )
    if given.model is None:
        recipe = of_its_weights(recipe, say)
    folder = RunFolder(workdir, writes=first)
    folder.refuse_foreign()
    folder.refuse_without([name for name, _ in given.things])
    folder.refuse_average()
    extends = extend and folder.is_extended_by(recipe)
    if extends and recipe.optim.swa_start is not None:
        raise UserError(
            f"--extend would begin the average of --optim.swa-start={recipe.optim.swa_start} later "
            "than the run did; give another --workdir"
        )
    if not extends:
        folder.refuse_other(recipe)
    if not extends and (summary := finished(folder, recipe, given, say)) is not None:
        show_result(console, summary, folder.path)
        return summary
    folder.refuse_older_optimizer()
    if off:
        say(off)
    opened = open_run(folder, recipe, given, command=command)
    feed, data = opened.feed, opened.data
    total_steps = feed.total_steps
    make = partial(
        build,
        recipe,
        feed.spec,
        preprocessing=feed.input.preprocessing,
        steps_per_epoch=feed.steps_per_epoch,
        total_steps=total_steps,
        class_weights=feed.class_weights,
        trace_folder=trace_folder,
        autotuning=folder.autotuning,
        resident=feed.resident,
        given=given,
        teacher=opened.teacher and opened.teacher.teacher,
    )
    with garbage_collected_seldom():
        program = make() if beside is None else beside.program(recipe.seed, make)
    tuned = recipe.deterministic and on_gpu(program.rows.device_set)
    program.check_sizes(feed.stages.sizes[:-1])
    display = Display(
        console,
        total_steps=total_steps,
        num_epochs=math.ceil(total_steps / feed.steps_per_epoch),
    )
    with (
        stop_when_asked() as stop,
        display,
        one_line_if_disk_is_full(folder),
        one_line_if_memory_is_full(recipe, program),
        locked(folder.path, display.say) if first else nullcontext(),
        Checkpoints(
            folder.checkpoints, run=data.run, writing=beside and beside.shared.writing
        ) as checkpoints,
        autotuning_shared(folder.autotuning) if tuned else nullcontext(_nothing) as compiled,
    ):
        # Once more, for another process may have had it.
        if extend and folder.is_extended_by(recipe):
            refuse_no_longer(folder, checkpoints.latest_step(), total_steps)
            folder.reopen(feed.steps_per_epoch)
        else:
            folder.refuse_other(recipe)
        folder.refuse_other_data(data, opened.names)
        folder.claim(recipe, data, opened.names)
        for line in data.changed:
            display.say(f"this run's training is not one from end to end: {line}")
        if opened.teacher is not None:
            tell_of_teacher(opened.teacher, display.say)
        steps_traced = profile if first else range(0)
        clock = time.monotonic()
        supply = Supply(feed, program) if beside is None else beside.supply(feed, program)
        start = Start(
            recipe,
            folder,
            feed,
            program,
            supply,
            checkpoints,
            display,
            opened.pretrained,
            compiled,
        )
        try:
            state, progress = in_background(start.begin)
        except StopRequested as request:
            raise Interrupted(
                f"stopped before a step was done; {TO_GO_ON}", request.signal_number
            ) from request
        with (
            closing(Logs(folder, int(state.step))) as logs,
            closing(StepProfile(steps_traced, folder.profile, display.say)) as profiled,
        ):
            run = Run(
                recipe=recipe,
                folder=folder,
                feed=feed,
                program=program,
                supply=supply,
                start=start,
                state=state,
                progress=progress,
                checkpoints=checkpoints,
                display=display,
                logs=logs,
                profile=profiled,
                stop=stop,
                at_not_finite=at_not_finite(recipe),
                callbacks=callbacks,
                command=command,
                clock=clock,
            )
            summary = run.to_the_end()
    show_result(console, summary, folder.path)
    return summary


def _nothing() -> None:
    pass


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
