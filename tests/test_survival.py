"""What a run makes of damage, of another run in its folder, and of a full disk."""

import io
import json
from contextlib import nullcontext

import chex
import orbax.checkpoint as ocp
import pytest
from rich.console import Console

from jaxcnn import trainer
from jaxcnn.errors import Interrupted, RunError, UserError
from jaxcnn.recipe import Mesh, Optim, Recipe
from jaxcnn.stopping import StopRequested
from jaxcnn.trainer import fit

# 1,257 training images: 2 steps an epoch.
RECIPE = Recipe(
    "linear",
    epochs=4,
    batch_size=600,
    image_size=28,
    optim=Optim("adamw", lr=3e-3, ema_decay=0.9),
    mesh=Mesh(data=1),
)


def run(workdir, recipe=RECIPE):
    """What the run printed."""
    console = Console(file=io.StringIO(), width=1000)
    fit(recipe, workdir, console=console)
    return console.file.getvalue()


def metrics_of(workdir):
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "images_per_second"} for line in lines]


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


class StopAt:
    """As if a signal arrived at the n-th look at the flag: once before each step or epoch's end,
    and once in each validation."""

    def __init__(self, looks):
        self.looks = looks

    def check(self):
        self.looks -= 1
        if self.looks == 0:
            raise StopRequested(2)


@pytest.fixture
def stopped(tmp_path, monkeypatch):
    """A run stopped before step 7, with checkpoints at 4 (an epoch's end, the best) and 6."""
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "stop_on_signal", lambda: nullcontext(StopAt(10)))
        with pytest.raises(Interrupted, match="stopped at step 6"):
            fit(RECIPE, tmp_path, console=Console(file=io.StringIO()))
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
    rank = trainer.validation_rank
    monkeypatch.setattr(trainer, "validation_rank", lambda val: -rank(val))  # The first is best.
    looks = 8
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "stop_on_signal", lambda: nullcontext(StopAt(looks)))
        with pytest.raises(Interrupted):
            run(tmp_path)
    flip_a_bit(arrays_of(tmp_path, 2))
    with pytest.raises(RunError, match="checkpoint 2 in .* no other is used in its place"):
        run(tmp_path)
    assert not (tmp_path / "summary.json").exists()


def test_a_damaged_line_of_the_metrics_is_named(stopped):
    path = stopped / "metrics.jsonl"
    path.write_text("\x00\x00\n" + path.read_text())
    with pytest.raises(UserError, match="metrics.jsonl is damaged in line 1"):
        run(stopped)
