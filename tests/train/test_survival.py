"""What a run makes of damage, of another run in its folder, and of a full disk."""

import errno
import io
import json
import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import replace
from itertools import islice

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest
from rich.console import Console

from jaxcnn.data.errors import WorkerError
from jaxcnn.engine import program
from jaxcnn.engine import step as train_step
from jaxcnn.engine.feed import Feed
from jaxcnn.engine.mesh import to_devices
from jaxcnn.engine.optim import scheduled_at
from jaxcnn.errors import Interrupted, RunError, UserError
from jaxcnn.processes.stopping import in_background
from jaxcnn.recipe import Mesh, Optim, Recipe
from jaxcnn.run.checkpoint import Checkpoints
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.lock import locked
from jaxcnn.train import fit as fit_module
from jaxcnn.train import loop, result
from jaxcnn.train.fit import fit
from jaxcnn.train.loop import Run
from tests.train.stops import at_look

TIMES = ("images_per_second", "waiting_for_data", "data_seconds")
# 1,257 training images: 2 steps an epoch.
RECIPE = Recipe(
    "linear",
    epochs=4,
    batch_size=600,
    image_size=28,
    optim=Optim("adamw", lr=3e-3, ema_decay=0.9),
    mesh=Mesh(data=1),
    data_on_device="no",  # So that a run can be stopped at each step.
)
ON_DEVICES = replace(RECIPE, data_on_device="yes")


def run(workdir, recipe=RECIPE, **options):
    """What the run printed."""
    console = Console(file=io.StringIO(), width=1000)
    fit(recipe, workdir, console=console, **options)
    return console.file.getvalue()


def metrics_of(workdir):
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in TIMES} for line in lines]


def state_at(workdir, step):
    return ocp.StandardCheckpointer().restore(workdir.absolute() / "checkpoints" / f"{step}/state")


def arrays_of(workdir, step):
    """The file that most of a checkpoint's numbers are in."""
    state = workdir / "checkpoints" / str(step) / "state"
    return max(state.rglob("*"), key=lambda path: path.stat().st_size)


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.fixture
def stopped(tmp_path, monkeypatch):
    """A run stopped before step 7, with checkpoints at 4 (an epoch's end, the best) and 6."""
    with pytest.raises(Interrupted, match="stopped at step 6"):
        fit(RECIPE, tmp_path, console=Console(file=io.StringIO()), stop_when_asked=at_look(12))
    return tmp_path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    run(folder)
    return folder


def test_a_run_whose_latest_checkpoint_is_damaged_ends_as_one_that_never_stopped(stopped, whole):
    flip_a_bit(arrays_of(stopped, 6))
    (line,) = (line for line in run(stopped).splitlines() if "damaged" in line)
    assert line.startswith("checkpoint 6 is damaged (state/")
    assert line.endswith("going on from checkpoint 4")
    chex.assert_trees_all_equal(state_at(stopped, 8), state_at(whole, 8))
    assert metrics_of(stopped) == metrics_of(whole)


def test_a_run_all_whose_checkpoints_are_damaged_is_refused_and_left_as_it_is(stopped):
    for step in (4, 6):
        flip_a_bit(arrays_of(stopped, step))
    before = metrics_of(stopped)
    with pytest.raises(RunError, match=r"every checkpoint .* \(6: state/.*; 4: state/"):
        run(stopped)
    assert metrics_of(stopped) == before
    assert (stopped / "checkpoints" / "6").is_dir()


def test_no_other_checkpoint_is_tested_in_place_of_a_damaged_best_one(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "validation_rank", lambda val: val["loss"])  # The first is best.
    looks = 8
    with pytest.raises(Interrupted):
        run(tmp_path, stop_when_asked=at_look(looks))
    flip_a_bit(arrays_of(tmp_path, 2))
    with pytest.raises(RunError, match="checkpoint 2 in .* no other is used in its place"):
        run(tmp_path)
    assert not (tmp_path / "summary.json").exists()


def test_a_damaged_line_of_the_metrics_is_named(stopped):
    path = stopped / "metrics.jsonl"
    path.write_text("\x00\x00\n" + path.read_text())
    with pytest.raises(UserError, match="metrics.jsonl is damaged in line 1"):
        run(stopped)


@pytest.fixture
def bad_steps(monkeypatch):
    """Put steps into it, counted from 1: their gradient is not finite."""
    steps, all_finite, make_train_step = [], train_step.all_finite, program.make_train_step

    def make(*args, **kwargs):
        step = make_train_step(*args, **kwargs)

        def spoiled(state, batch, key):
            good = ~jnp.isin(state.step + 1, jnp.array(steps))
            with monkeypatch.context() as patch:
                patch.setattr(train_step, "all_finite", lambda *grads: all_finite(*grads) & good)
                return step(state, batch, key)

        return spoiled

    monkeypatch.setattr(program, "make_train_step", make)
    return steps


def stop_before_step(monkeypatch, tmp_path, recipe, looks):
    with pytest.raises(Interrupted):
        run(tmp_path, recipe, stop_when_asked=at_look(looks))


def test_a_skipped_step_leaves_all_as_it_was_but_the_step_and_the_schedule(bad_steps, tmp_path):
    bad_steps.append(4)
    feed = Feed(RECIPE)
    made = program.build(
        replace(RECIPE, on_nan="skip"), feed.spec, steps_per_epoch=2, total_steps=8
    )
    state, states = made.init_state(), []
    for batch in feed.train_batches(0, 4):
        state, metrics = made.train_step(state, to_devices(batch, made.rows), made.step_key)
        states.append(jax.tree.map(np.array, state))
    assert not metrics["finite"]
    before, after = states[2:]
    assert int(after.step) == int(before.step) + 1 == 4
    for name in ("params", "ema_params", "batch_stats", "ema_batch_stats"):
        chex.assert_trees_all_equal(getattr(after, name), getattr(before, name))
    expected = scheduled_at(before.opt_state, np.int32(4))
    chex.assert_trees_all_equal(after.opt_state, expected)
    counts = optax.tree.get_all_with_path(after.opt_state, "count")
    assert sorted(int(count) for _, count in counts) == [3, 4]


@pytest.mark.parametrize("looks", [6, 9])
@pytest.mark.parametrize("on_nan", ["skip", "rollback"])
def test_a_run_that_leaves_steps_out_ends_the_same_when_it_is_stopped_and_resumed(
    bad_steps, tmp_path, monkeypatch, on_nan, looks
):
    bad_steps.extend([1, 5])
    recipe = replace(RECIPE, on_nan=on_nan)
    at_once, in_two = tmp_path / "at_once", tmp_path / "in_two"
    text = run(at_once, recipe)
    stop_before_step(monkeypatch, in_two, recipe, looks)
    run(in_two, recipe)
    chex.assert_trees_all_equal(state_at(in_two, 8), state_at(at_once, 8))
    assert metrics_of(in_two) == metrics_of(at_once)
    name = {"skip": "skipped_steps", "rollback": "rollbacks"}[on_nan]
    assert [line.get(name) for line in metrics_of(at_once)] == [1, 1, 2, 2]
    assert json.loads((at_once / "summary.json").read_text())[name] == 2
    assert text.count("loss or gradient is not finite") == 2
    assert int(state_at(at_once, 8)["step"]) == 8


def test_rolling_back_takes_the_weights_of_the_last_epochs_end(bad_steps, tmp_path, monkeypatch):
    bad_steps.append(6)
    stop_before_step(monkeypatch, tmp_path, replace(RECIPE, on_nan="rollback"), looks=11)
    epoch_end, rolled_back = state_at(tmp_path, 4), state_at(tmp_path, 6)
    chex.assert_trees_all_equal(rolled_back["params"], epoch_end["params"])
    chex.assert_trees_all_equal(rolled_back["ema_params"], epoch_end["ema_params"])
    assert int(rolled_back["step"]) == 6


@pytest.mark.parametrize("recipe", [RECIPE, ON_DEVICES], ids=["by the host", "on devices"])
def test_a_run_goes_on_after_a_bad_step_at_an_epochs_end(bad_steps, tmp_path, recipe):
    """Its step is saved twice: as the one gone on from, and as the epoch's."""
    bad_steps.append(6)
    run(tmp_path, replace(recipe, on_nan="rollback"))
    assert [line["step"] for line in metrics_of(tmp_path)] == [2, 4, 6, 8]


@pytest.mark.parametrize("on_nan", ["skip", "rollback"])
def test_what_is_done_at_bad_steps_does_not_depend_on_which_are_dispatched_together(
    bad_steps, tmp_path, on_nan, monkeypatch
):
    """A bad step in the midst of a dispatch: those after it are done again, or count."""
    bad_steps.extend([1, 5, 6])
    recipe = replace(ON_DEVICES, on_nan=on_nan, batch_size=240)  # 5 steps an epoch.
    run(tmp_path / "together", recipe)
    monkeypatch.setattr("jaxcnn.engine.feed.steps_at_once", lambda *of_run: 1)
    run(tmp_path / "alone", recipe)
    chex.assert_trees_all_equal(*(state_at(tmp_path / n, 20) for n in ("together", "alone")))
    assert metrics_of(tmp_path / "together") == metrics_of(tmp_path / "alone")


@pytest.mark.parametrize("on_nan", ["skip", "rollback"])
def test_an_epoch_without_a_good_step_ends_the_run(bad_steps, tmp_path, on_nan):
    bad_steps.extend([3, 4])
    with pytest.raises(RunError, match="at step 4; .* nor was it at any other step of the epoch"):
        run(tmp_path, replace(RECIPE, on_nan=on_nan))


@pytest.mark.parametrize(
    ("on_nan", "message"), [("skip", "nor was it at the 9 steps before"), ("rollback", "10 times")]
)
def test_there_is_an_end_to_living_with_it(bad_steps, tmp_path, on_nan, message):
    bad_steps.extend(range(2, 40))
    recipe = replace(RECIPE, on_nan=on_nan, batch_size=60)  # 20 steps an epoch.
    with pytest.raises(RunError, match=message) as error:
        run(tmp_path, recipe)
    assert "not finite at step" in str(error.value)


def test_a_run_that_stopped_at_such_a_step_may_go_on_by_skipping_it(bad_steps, tmp_path):
    bad_steps.append(5)
    with pytest.raises(RunError, match="--on-nan=skip or rollback goes on from there"):
        run(tmp_path)
    run(tmp_path, replace(RECIPE, on_nan="skip"))
    assert metrics_of(tmp_path)[-1]["skipped_steps"] == 1


def test_two_runs_in_one_folder_are_refused(tmp_path):
    with locked(tmp_path, pytest.fail), pytest.raises(UserError, match="is in use by process"):
        run(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("owner", "method"),
    [
        (RunFolder, "append_metrics"),
        (RunFolder, "write_summary"),
        (Checkpoints, "_add_digests"),
    ],
)
def test_a_full_disk_ends_the_run_in_one_line_and_the_run_can_go_on(
    tmp_path, whole, monkeypatch, owner, method
):
    def full(self, *args):
        if (self.path if owner is RunFolder else self._folder.parent) == tmp_path:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(owner, method, full)
        with pytest.raises(RunError, match="the disk of .* is full; .*make room") as error:
            run(tmp_path)
        assert "\n" not in str(error.value)
    run(tmp_path)
    chex.assert_trees_all_equal(state_at(tmp_path, 8), state_at(whole, 8))
    assert metrics_of(tmp_path) == metrics_of(whole)


def finite(line):
    """A line of JSON as every reader takes it."""
    return json.loads(line, parse_constant=pytest.fail)


def validated_with(monkeypatch, losses):
    """Has the validations give these losses, in turn."""
    evaluate, left = Run.evaluate, iter(losses)

    def evaluated(run, split, variables):
        found = evaluate(run, split, variables)
        return replace(
            found, figures={**found.figures, **({"loss": next(left)} if split == "val" else {})}
        )

    monkeypatch.setattr(Run, "evaluate", evaluated)


def test_an_epoch_whose_loss_is_not_finite_is_null_and_never_the_best(tmp_path, monkeypatch):
    validated_with(monkeypatch, [1.0, float("nan"), float("inf"), float("nan")])
    text = run(tmp_path)
    lines = [finite(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["val_loss"] for line in lines] == [1.0, None, None, None]
    assert text.count("  best") == 1
    assert finite((tmp_path / "summary.json").read_text())["val"]["loss"] == 1.0


def test_where_no_loss_is_finite_there_is_nothing_to_test(tmp_path, monkeypatch):
    validated_with(monkeypatch, [float("nan")] * 4)
    with pytest.raises(RunError, match="finite after no epoch, .* a lower --optim.lr"):
        run(tmp_path)


def test_a_report_that_cannot_be_drawn_costs_pictures_and_no_figure(tmp_path, whole, monkeypatch):
    def fail(*args, **options):
        raise ValueError("Expected\nend of text")

    monkeypatch.setattr(loop, "draw_report", result.draw_report)
    monkeypatch.setattr("jaxcnn.train.run_report.write_run_report", fail)
    (line,) = (line for line in run(tmp_path).splitlines() if "is not whole" in line)
    assert "(ValueError: Expected end of text); the figures are, in summary.json" in line
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in (tmp_path, whole)]
    assert summaries[0]["test"] == summaries[1]["test"]


def test_a_terminal_that_is_lost_does_not_end_the_run(tmp_path, whole):
    source, sink = os.pipe()
    terminal = os.fdopen(sink, "w", buffering=1)
    os.close(source)
    fit(RECIPE, tmp_path, console=Console(file=terminal, force_terminal=True))
    with suppress(BrokenPipeError):
        terminal.close()
    assert metrics_of(tmp_path) == metrics_of(whole)


def test_an_epoch_is_saved_before_others_hear_of_it(tmp_path):
    def fail(line):
        raise ConnectionError("no route")

    with pytest.raises(ConnectionError):
        fit(RECIPE, tmp_path, console=Console(file=io.StringIO()), callbacks=[fail])
    assert (tmp_path / "checkpoints" / "2").is_dir()
    assert [line["step"] for line in metrics_of(tmp_path)] == [2]


def test_a_worker_that_is_lost_ends_the_run_in_one_line_with_its_step_saved(
    tmp_path, whole, monkeypatch
):
    train_batches = Feed.train_batches

    def lost(feed, start_step, stop_step, tell):
        yield from islice(train_batches(feed, start_step, stop_step, tell), 3)
        # As `/dev/shm` says it is full: the run's disk is not.
        raise WorkerError("worker process 7 was ended") from OSError(errno.ENOSPC, "No space")

    with monkeypatch.context() as patch:
        patch.setattr(Feed, "train_batches", lost)
        with pytest.raises(RunError) as error:
            run(tmp_path)
    expected = "worker process 7 was ended; step 3 is saved, run the same command again to go on"
    assert str(error.value) == expected
    run(tmp_path)
    chex.assert_trees_all_equal(state_at(tmp_path, 8), state_at(whole, 8))


def signal_then_wait(go_on):
    """As a compiler: it takes long, and a signal that comes meanwhile does not end it."""
    os.kill(os.getpid(), signal.SIGTERM)
    go_on.wait(120)


@pytest.mark.parametrize("compiled_before", [0, 1], ids=["training step", "evaluation"])
def test_a_signal_does_not_wait_for_the_compiler(tmp_path, whole, monkeypatch, compiled_before):
    go_on, calls = threading.Event(), []

    def slow(work, *args):
        calls.append(work)
        if len(calls) <= compiled_before:
            return in_background(work, *args)
        return in_background(signal_then_wait, go_on)

    started = time.monotonic()
    with monkeypatch.context() as patch:
        for module in (fit_module, loop):
            patch.setattr(module, "in_background", slow)
        message = ["stopped before a step was done", "stopped at step 2 of 8, saved"]
        with pytest.raises(Interrupted, match=message[compiled_before]) as stopped:
            run(tmp_path)
    assert stopped.value.signal_number == signal.SIGTERM
    assert time.monotonic() - started < 100
    go_on.set()
    run(tmp_path)
    chex.assert_trees_all_equal(state_at(tmp_path, 8), state_at(whole, 8))
    assert metrics_of(tmp_path) == metrics_of(whole)
