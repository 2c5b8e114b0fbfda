import io
import json
import random
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import chex
import cv2
import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest
from rich.console import Console

from jaxcnn.data.spec import example_name
from jaxcnn.engine.feed import Feed
from jaxcnn.engine.mesh import to_devices
from jaxcnn.engine.program import Program, build
from jaxcnn.errors import Interrupted, RunError, UserError
from jaxcnn.recipe import Augment, Mesh, Optim, Recipe
from jaxcnn.run.checkpoint import Checkpoints
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.progress import Progress
from jaxcnn.train import fit as fit_module
from jaxcnn.train.fit import fit
from jaxcnn.train.start import Start
from jaxcnn.xla.flags import CPU_FLAGS
from tests.train.stops import at_look

# 1,257 training images: 9 steps an epoch.
RECIPE = Recipe(
    "mlp",
    epochs=3,
    batch_size=128,
    image_size=16,
    optim=Optim("adamw", lr=3e-3, ema_decay=0.9),
    augment=Augment(crop_padding=2, mixup=0.2),
    checkpoint_every_steps=4,
    log_every_steps=2,
    mesh=Mesh(data=1),
    data_on_device="no",  # So that a run can be stopped at each step.
)

ON_DEVICES = replace(RECIPE, data_on_device="yes")


def quiet():
    return Console(file=io.StringIO())


def state_at(workdir, step):
    """A checkpoint's arrays, read without the loop."""
    return ocp.StandardCheckpointer().restore(workdir.absolute() / "checkpoints" / f"{step}/state")


def metrics_of(workdir):
    """The lines of metrics.jsonl without what a clock measured."""
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    timed = ("images_per_second", "waiting_for_data", "data_seconds")
    return [{k: v for k, v in line.items() if k not in timed} for line in lines]


def steps_of(workdir):
    return [json.loads(line) for line in (workdir / "steps.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory, drawn):
    """An uninterrupted run of RECIPE, with its report: (folder, summary)."""
    folder = tmp_path_factory.mktemp("finished")
    with drawn():
        return folder, fit(RECIPE, folder, console=quiet())


@pytest.mark.parametrize("own", [False, True])
def test_a_run_says_in_a_line_which_settings_it_is_too_late_for(tmp_path, monkeypatch, own):
    names = [flag.partition("=")[0] for flag in CPU_FLAGS]
    monkeypatch.setenv("XLA_FLAGS", " ".join(names) if own else "")
    console = quiet()
    fit(replace(RECIPE, arch="linear", steps=1), tmp_path, console=console)
    assert console.file.getvalue().count("jaxcnn.set_up()") == (not own)


def test_a_run_leaves_what_it_promises(finished):
    folder, summary = finished
    assert summary == json.loads((folder / "summary.json").read_text())
    assert set(summary) == {
        "arch", "dataset", "seed", "params", "steps", "seconds", "val", "test"
    }  # fmt: skip
    assert (summary["steps"], summary["params"]) == (27, 108_210)
    # Every example of the embedded splits once, though 128 divides neither.
    assert (summary["val"]["n"], summary["test"]["n"]) == (180, 360)
    lines = metrics_of(folder)
    assert [(line["epoch"], line["step"]) for line in lines] == [(1, 9), (2, 18), (3, 27)]
    assert lines[-1]["train_loss"] < lines[0]["train_loss"]
    assert {path.name for path in folder.iterdir()} == {
        "recipe.json", "data.json", "metrics.jsonl", "steps.jsonl", "summary.json", "checkpoints",
        "test_uses.jsonl",
        "tensorboard",
        "report",
    }  # fmt: skip


def test_the_summary_is_of_the_best_epoch_by_validation(finished):
    folder, summary = finished
    best = max(metrics_of(folder), key=lambda line: (line["val_top1"], -line["val_loss"]))
    assert summary["val"]["top1"] == best["val_top1"]
    kept = {int(path.name) for path in (folder / "checkpoints").iterdir() if path.name.isdigit()}
    assert {best["step"], 27} <= kept


def test_a_finished_run_is_not_run_again(finished, monkeypatch):
    folder, summary = finished
    monkeypatch.setattr(fit_module, "build", None)
    console = quiet()
    assert fit(RECIPE, folder, console=console) == summary
    assert "finished" in console.file.getvalue()


def test_another_recipe_is_refused_in_the_same_folder(finished):
    folder, _ = finished
    with pytest.raises(UserError, match="--epochs: 3 != 4"):
        fit(replace(RECIPE, epochs=4), folder, console=quiet())


def test_progressive_resizing_resumes_bit_identical_across_a_stage(tmp_path, resnet4):
    recipe = replace(
        RECIPE,
        arch=resnet4,
        batch_size=16,
        steps=8,
        augment=Augment(crop_padding=2, progressive_size=8, progressive_stages=2),
    )
    sizes = [batch["image"].shape[1:3] for batch in Feed(recipe).train_batches(0, 8)]
    assert sizes == [(8, 8)] * 4 + [(16, 16)] * 4
    console = quiet()
    summary = fit(recipe, tmp_path / "whole", console=console)
    assert re.findall(r"step (\d+): training on (\d+)x", console.file.getvalue()) == [
        ("1", "8"), ("5", "16")
    ]  # fmt: skip
    with pytest.raises(Interrupted, match="stopped at step 3 "):
        fit(recipe, tmp_path / "run", console=quiet(), stop_when_asked=at_look(4))
    resumed = fit(recipe, tmp_path / "run", console=quiet())
    chex.assert_trees_all_equal(state_at(tmp_path / "run", 8), state_at(tmp_path / "whole", 8))
    assert (resumed["val"], resumed["test"]) == (summary["val"], summary["test"])


# The third look is before step 3; the 11th is within the first validation (2 batches after 9 steps
# and the look at the epoch's end); the 37th is in the final test.
@pytest.mark.parametrize("looks", [1, 3, 11, 12, 37])
def test_resumed_run_matches_uninterrupted_run(finished, tmp_path, monkeypatch, looks):
    folder, summary = finished
    with pytest.raises(Interrupted, match="run the same command again to go on"):
        fit(RECIPE, tmp_path, console=quiet(), stop_when_asked=at_look(looks))
    resumed = fit(RECIPE, tmp_path, console=quiet())
    chex.assert_trees_all_equal(state_at(tmp_path, 27), state_at(folder, 27))
    assert metrics_of(tmp_path) == metrics_of(folder)
    assert steps_of(tmp_path) == steps_of(folder)
    assert (resumed["val"], resumed["test"]) == (summary["val"], summary["test"])


@pytest.fixture(scope="module")
def finished_on_devices(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished_on_devices")
    return folder, fit(ON_DEVICES, folder, console=quiet())


@pytest.mark.parametrize("looks", [2, 5])
def test_resumed_run_on_devices_matches_uninterrupted_run(finished_on_devices, tmp_path, looks):
    """Dispatches end at steps 4, 8 and 9 of an epoch, where something else is to be done."""
    folder, summary = finished_on_devices
    with pytest.raises(Interrupted):
        fit(ON_DEVICES, tmp_path, console=quiet(), stop_when_asked=at_look(looks))
    resumed = fit(ON_DEVICES, tmp_path, console=quiet())
    chex.assert_trees_all_equal(state_at(tmp_path, 27), state_at(folder, 27))
    assert metrics_of(tmp_path) == metrics_of(folder)
    assert steps_of(tmp_path) == steps_of(folder)
    assert (resumed["val"], resumed["test"]) == (summary["val"], summary["test"])


def test_a_run_on_devices_is_that_of_the_host_but_for_rounding(finished, finished_on_devices):
    ours, theirs = (metrics_of(folder) for folder, _ in (finished_on_devices, finished))
    assert [line["step"] for line in ours] == [line["step"] for line in theirs]
    assert [line["train_loss"] for line in ours] == pytest.approx(
        [line["train_loss"] for line in theirs], rel=1e-3
    )
    logged = [
        [line["step"] for line in steps_of(folder)] for folder, _ in (finished_on_devices, finished)
    ]
    assert logged[0] == logged[1] != []


def test_a_picture_that_cannot_be_read_ends_a_run_on_devices_in_a_line_too(tmp_path):
    photos = tmp_path / "photos"
    for name in ("cat", "dog"):
        (photos / name).mkdir(parents=True)
        for number in range(30):
            image = np.full((8, 8, 3), number, np.uint8)
            cv2.imwrite(str(photos / name / f"{number}.png"), image)
    recipe = replace(
        RECIPE, dataset="image_folder", data_dir=str(photos), batch_size=8, data_on_device="yes"
    )
    trained_on = Feed(recipe).train
    bad = photos / example_name(trained_on, 3)
    bad.write_bytes(bad.read_bytes()[:60])
    with pytest.raises(RunError, match=f"{bad.name} is damaged .*; step 0 is saved"):
        fit(recipe, tmp_path / "run", console=quiet())


def test_killed_run_resumes_bit_identical(tmp_path):
    """SIGKILL at a random moment after the first checkpoint, as a user's machine might."""
    command = [
        sys.executable, "-m", "jaxcnn.train", "--arch=linear", "--steps=40",
        "--checkpoint-every-steps=5", "--batch-size=32", "--optim.ema-decay=0.9",
        "--log-every-steps=3",
    ]  # fmt: skip
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run = subprocess.Popen([*command, f"--workdir={killed}"], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(killed.glob("checkpoints/5*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(random.uniform(0, 1))
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL, "the run ended before it was killed"
    subprocess.run([*command, f"--workdir={killed}"], check=True)
    subprocess.run([*command, f"--workdir={whole}"], check=True)
    chex.assert_trees_all_equal(state_at(killed, 40), state_at(whole, 40))
    assert metrics_of(killed) == metrics_of(whole)
    assert steps_of(killed) == steps_of(whole)
    assert [line["step"] for line in steps_of(whole)] == list(range(3, 41, 3))


def test_a_checkpoint_holds_the_state_it_was_given_though_training_goes_on(tmp_path, resnet4):
    """Writing happens in the background, while the next steps reuse the state's memory."""
    recipe = replace(RECIPE, arch=resnet4, steps=3, batch_size=64)
    folder = RunFolder(tmp_path)
    feed = Feed(recipe)
    program = build(recipe, feed.spec, steps_per_epoch=9, total_steps=9)
    state = program.init_state()
    batches = [to_devices(b, program.rows) for b in feed.train_batches(0, 3)]
    with Checkpoints(folder.checkpoints) as checkpoints:
        state, _ = program.train_step(state, batches[0], program.step_key)
        saved = jax.tree.map(lambda x: x + 0, state)
        checkpoints.save(state, Progress(), evaluated=False)
        for batch in batches[1:]:
            state, _ = program.train_step(state, batch, program.step_key)
        checkpoints.wait()
        restored, _ = checkpoints.restore(1, program.state_like)
    chex.assert_trees_all_equal(restored, saved)


@pytest.mark.parametrize("steps", [4, 20])
def test_a_run_may_end_within_an_epoch(tmp_path, steps):
    lines = []
    recipe = replace(RECIPE, steps=steps)
    summary = fit(recipe, tmp_path, console=quiet(), callbacks=[lines.append])
    assert summary["steps"] == steps
    assert metrics_of(tmp_path)[-1]["step"] == steps
    assert [line["step"] for line in lines] == [line["step"] for line in metrics_of(tmp_path)]


def test_divergence_stops_the_run_and_names_step_and_last_good_checkpoint(tmp_path):
    recipe = replace(RECIPE, arch="mlp", optim=Optim("sgd", lr=1e30), checkpoint_every_steps=1)
    with pytest.raises(RunError, match=r"not finite at step (\d+)") as error:
        fit(recipe, tmp_path, console=quiet())
    text = str(error.value)
    bad_step = int(text.split("at step ")[1].split(";")[0])
    assert f"the last good one is {bad_step - 1}" in text or "there is no checkpoint yet" in text
    finite = [
        all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(state_at(tmp_path, step)))
        for step in range(1, bad_step)
        if (tmp_path / f"checkpoints/{step}").exists()
    ]
    assert all(finite)


def test_the_test_split_is_evaluated_once_and_last(tmp_path, monkeypatch):
    asked, eval_batches = [], Feed.eval_batches

    def recording(feed, split):
        asked.append(split)
        return eval_batches(feed, split)

    monkeypatch.setattr(Feed, "eval_batches", recording)
    fit(replace(RECIPE, steps=10), tmp_path, console=quiet())
    assert asked == ["val", "train_sample"] * 2 + ["test"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 5000}, "1257"),
        ({"arch": "lenet5", "image_size": 8}, "needs images of at least 16x16 pixels; got 8x8"),
        ({"augment": Augment(flip=True)}, "flip changes the label of digits"),
        ({"dataset": "cifar10", "data_dir": "/nowhere"}, "/nowhere"),
        ({"mesh": Mesh(data=99)}, "does not fit"),
        ({"augment": Augment(progressive_size=40)}, "must be 1 to --image-size=16"),
        ({"augment": Augment(progressive_size=8)}, "16x16 pixels cannot be trained on 8x8"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused_before_a_folder_is_made(tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        fit(replace(RECIPE, **changes), tmp_path / "run", console=quiet())
    assert not (tmp_path / "run").exists()


def test_a_run_shows_each_epoch_and_a_closing_table(tmp_path):
    console = Console(file=io.StringIO(), width=120)
    fit(replace(RECIPE, epochs=1), tmp_path, console=console)
    text = console.file.getvalue()
    for part in (
        "108,210 parameters",
        "0 workers: preparing",
        "epoch   1/1",
        "images/s",
        "% waiting",
        "test",
        "0.",
    ):
        assert part in text


@pytest.mark.parametrize(("seconds", "low", "high"), [(0.3, 0.6, 1.0), (0.0, 0.0, 0.3)])
def test_each_epoch_says_what_share_of_it_was_waiting_for_data(
    tmp_path, monkeypatch, seconds, low, high
):
    train_batches = Feed.train_batches

    def timed_batches(feed, start_step, stop_step, tell):
        for batch in list(train_batches(feed, start_step, stop_step, tell)):
            time.sleep(seconds)
            yield batch

    monkeypatch.setattr(Feed, "train_batches", timed_batches)
    lines = []
    # Steps that take next to nothing: what is left is waiting, or the host's own time.
    recipe = replace(RECIPE, arch="linear", steps=14)
    fit(recipe, tmp_path, console=quiet(), callbacks=[lines.append])
    assert [low <= line["waiting_for_data"] <= high for line in lines] == [True, True]
    kinds = {"decode", "augment", "batch", "transfer", "step"}
    assert [set(line["data_seconds"]) for line in lines] == [kinds, kinds]


def test_a_bad_picture_loses_no_step_and_the_run_goes_on_once_it_is_replaced(tmp_path):
    photos, rng = tmp_path / "photos", np.random.default_rng(0)
    for name in ("cat", "dog"):
        (photos / name).mkdir(parents=True)
        for i in range(40):
            image = rng.integers(256, size=(16, 16, 3), dtype=np.uint8)
            cv2.imwrite(str(photos / name / f"{i}.png"), image)
    recipe = replace(
        RECIPE, arch="linear", dataset="image_folder", data_dir=str(photos), epochs=2, batch_size=8
    )
    end = fit(recipe, tmp_path / "whole", console=quiet())["steps"]
    bad = photos / "cat" / "8.png"
    good = bad.read_bytes()
    bad.write_bytes(b"no picture")
    with pytest.raises(
        RunError, match=r"cat/8.png is not a picture.*; step (\d+) is saved"
    ) as error:
        fit(recipe, tmp_path / "run", console=quiet())
    step = int(str(error.value).split("; step ")[1].split()[0])
    assert (tmp_path / "run" / "checkpoints" / str(step)).exists()
    bad.write_bytes(good)
    fit(recipe, tmp_path / "run", console=quiet())
    chex.assert_trees_all_equal(state_at(tmp_path / "run", end), state_at(tmp_path / "whole", end))


def test_a_run_first_says_its_classes_and_what_it_left_out(tmp_path):
    photos = tmp_path / "photos"
    for split, names in (("train", range(11)), ("val", range(10))):
        for name in names:
            (photos / split / str(name)).mkdir(parents=True)
            for i in range(20):
                image = np.full((8, 8, 3), 12 * i, np.uint8)
                cv2.imwrite(str(photos / split / str(name) / f"{i}.png"), image)
    (photos / "train" / "3" / "notes.txt").touch()
    recipe = replace(
        RECIPE, arch="linear", dataset="image_folder", data_dir=str(photos), steps=1, batch_size=8,
        image_size=8,
    )  # fmt: skip
    console = Console(file=io.StringIO(), width=500)
    # The split that is tested lacks a class, and the run ends well.
    summary = fit(recipe, tmp_path / "run", console=console)
    assert summary["test"]["n"] == 200
    _, _, told = console.file.getvalue().partition("linear on image_folder: ")
    first, *lines = told.splitlines()
    assert first.startswith("11 classes (0, 1, 2, 3, 4 and 6 more), ")
    assert lines[:3] == [
        "files that are no pictures by their names (1): train/3/notes.txt",
        "val is the test split, for there is no other; a tenth of train validates",
        "the classes are numbers and sorted by value; torchvision's order is 0, 1, 10, 2, ...",
    ]
    assert "the test split has no picture of 10" in lines[3:5]


def test_the_state_is_made_while_the_step_is_traced(monkeypatch, tmp_path):
    """Its program compiles in the meantime: see `Run.start`."""
    begun, fresh_state, lower = threading.Event(), Start.fresh_state, Program.lower_train

    def begin(run):
        begun.set()
        return fresh_state(run)

    def lower_once_begun(program, image_size):
        assert begun.wait(timeout=30)
        return lower(program, image_size)

    monkeypatch.setattr(Start, "fresh_state", begin)
    monkeypatch.setattr(Program, "lower_train", lower_once_begun)
    fit(RECIPE, tmp_path, console=quiet())
