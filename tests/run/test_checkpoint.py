"""Which checkpoints are kept, which one is the best, and what becomes of damaged ones."""

import random
import shutil

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest

from jaxcnn.engine.state import TrainState, fresh_state
from jaxcnn.errors import RunError
from jaxcnn.run.checkpoint import Checkpoints, validation_rank
from jaxcnn.run.progress import Progress


def state(step):
    return TrainState(jnp.array(step), {"w": jnp.ones(2)}, {}, {}, None, None)


def progress(best, evaluated_step):
    return Progress(best=best, evaluated_step=evaluated_step)


@pytest.mark.parametrize("name", ["top1", "mAP"])
def test_of_equal_figures_the_lower_loss_ranks_higher_and_no_loss_has_no_rank(name):
    ranks = [
        validation_rank({name: figure, "loss": loss})
        for figure, loss in ((0.4, 0.1), (0.5, 2.0), (0.5, 1.0))
    ]
    assert ranks == sorted(ranks)
    assert validation_rank({name: 0.9, "loss": float("nan")}) is None
    assert validation_rank({name: 0.9, "loss": float("inf")}) is None


def test_figures_of_a_task_of_ones_own_are_ranked_by_the_loss():
    one, other = ({"brier": brier, "loss": loss} for brier, loss in ((0.1, 0.5), (0.9, 0.4)))
    assert validation_rank(other) > validation_rank(one)


@pytest.mark.parametrize("name", ["top1", "mAP"])
def test_the_best_step_is_that_of_the_best_figure_not_the_latest(tmp_path, name):
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.best_step() is None
        best = None
        for step, value in ((1, 0.9), (2, 0.4), (3, 0.5), (4, 0.6)):
            best = best or {"step": step, name: value}
            checkpoints.save(state(step), progress(best, step), evaluated=True)
        checkpoints.wait()
        assert checkpoints.best_step() == 1
        kept = {int(path.name) for path in tmp_path.iterdir()}
        assert kept == {1, 3, 4}
        assert checkpoints.latest_step() == 4


def test_the_best_checkpoint_is_kept_though_the_run_is_resumed_again_and_again(tmp_path):
    for step in (1, 2, 3, 4):
        with Checkpoints(tmp_path) as checkpoints:
            checkpoints.save(state(step), progress({"step": 1}, step), evaluated=True)
    assert {int(path.name) for path in tmp_path.iterdir()} == {1, 3, 4}


def test_the_checkpoint_of_the_last_epochs_end_is_kept_among_those_within_an_epoch(tmp_path):
    with Checkpoints(tmp_path) as checkpoints:
        for step in (2, 3, 4, 5):
            checkpoints.save(state(step), progress(None, 2), evaluated=step == 2)
    assert {int(path.name) for path in tmp_path.iterdir()} == {2, 4, 5}


def test_a_checkpoint_holds_the_progress_it_was_given_though_the_run_goes_on(tmp_path, monkeypatch):
    """Orbax writes it later, in the background: what it is handed must not change meanwhile."""
    handed = []

    def later(self, step, args, force):
        handed.append(args["progress"])

    monkeypatch.setattr(ocp.CheckpointManager, "save", later)
    known = progress(None, 1)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(state(1), known, evaluated=True)
        known.evaluated_step = -1
    assert handed[0].item == progress(None, 1).to_json()


def flip_a_bit(path):
    content, at = bytearray(path.read_bytes()), random.Random(path.name).randrange
    content[at(len(content))] ^= 1 << at(8)
    path.write_bytes(content)


DAMAGES = {
    "flipped": flip_a_bit,
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "emptied": lambda path: path.write_bytes(b""),
    "missing": lambda path: path.unlink(),
}


def large_state(step):
    """With arrays too large for Orbax to write them into its index."""
    weights = jnp.asarray(np.random.default_rng(step).normal(size=(64, 64)), jnp.float32)
    return TrainState(jnp.array(step), {"w": weights}, {}, {"m": weights + 1}, None, None)


def save(folder, *steps):
    with Checkpoints(folder) as checkpoints:
        for step in steps:
            best = {"step": steps[0]}
            checkpoints.save(large_state(step), progress(best, step), evaluated=True)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A folder with checkpoints 1 and 2."""
    folder = tmp_path_factory.mktemp("two")
    save(folder, 1, 2)
    return folder


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_any_file_is_noticed_and_the_checkpoint_before_is_taken(two, tmp_path, damage):
    digests = (two / "2" / "SHA256SUMS").read_text().splitlines()
    names = [line.split("  ")[1] for line in digests] + ["SHA256SUMS"]
    assert any("ocdbt.process_0/d/" in name for name in names)
    for number, name in enumerate(names):
        if (damage, name) == ("missing", "SHA256SUMS"):
            continue  # The next test.
        folder = tmp_path / str(number) / "checkpoints"
        shutil.copytree(two, folder)
        DAMAGES[damage](folder / "2" / name)
        said = []
        with Checkpoints(folder) as checkpoints:
            checkpoints.drop_damaged(said.append)
            assert checkpoints.latest_step() == 1, name
            (line,) = said
            assert "checkpoint 2 is damaged (" in line
            assert "going on from checkpoint 1" in line
            assert "\n" not in line
    assert number >= 8


def test_a_damaged_checkpoint_is_out_of_the_way_of_its_step_and_not_chosen_again(two, tmp_path):
    folder = tmp_path / "checkpoints"
    shutil.copytree(two, folder)
    for name in ("state", "progress", "SHA256SUMS"):
        path = folder / "2" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with Checkpoints(folder) as checkpoints:
        checkpoints.drop_damaged(lambda line: None)
        checkpoints.save(large_state(2), progress({"step": 1}, 2), evaluated=True)
    with Checkpoints(folder) as checkpoints:
        checkpoints.drop_damaged(pytest.fail)
        restored, _ = checkpoints.restore(2, jax.eval_shape(lambda: large_state(2)))
    chex.assert_trees_all_equal(restored, large_state(2))
    assert {path.name for path in (tmp_path / "damaged").iterdir()} == {"2"}


def test_checkpoints_without_digests_count_as_whole_if_they_can_be_restored_and_it_is_said(
    two, tmp_path
):
    folder = tmp_path / "checkpoints"
    shutil.copytree(two, folder)
    for step in (1, 2):
        (folder / f"{step}/SHA256SUMS").unlink()
    with Checkpoints(folder) as checkpoints:
        said = []
        checkpoints.drop_damaged(said.append)
        assert checkpoints.latest_step() == 2
    (line,) = said
    assert "checkpoint 2 in " in line and "has no SHA256SUMS: what it holds is not checked" in line


def test_if_all_checkpoints_are_damaged_it_is_an_error_that_names_them_and_leaves_them(
    two, tmp_path
):
    folder = tmp_path / "checkpoints"
    shutil.copytree(two, folder)
    for step in (1, 2):
        DAMAGES["emptied"](folder / f"{step}/state/manifest.ocdbt")
    with Checkpoints(folder) as checkpoints, pytest.raises(RunError) as error:
        checkpoints.drop_damaged(pytest.fail)
    text = str(error.value)
    assert "every checkpoint in" in text and "2: state/man" in text and "1: state/man" in text
    assert "\n" not in text
    assert {path.name for path in folder.iterdir()} == {"1", "2"}


def test_a_damaged_best_checkpoint_is_refused_and_a_reader_of_the_folder_changes_nothing(
    two, tmp_path
):
    folder = tmp_path / "checkpoints"
    shutil.copytree(two, folder)
    flip_a_bit(folder / "2/progress/metadata")
    arrays = max((folder / "1/state").rglob("*"), key=lambda path: path.stat().st_size)
    flip_a_bit(arrays)
    with Checkpoints(folder, read_only=True) as checkpoints:
        assert checkpoints.best_step() == 1  # As checkpoint 1 says; 2 cannot tell.
        with pytest.raises(RunError, match=f"checkpoint 1 in .*{arrays.name} is not what was"):
            checkpoints.restore_variables(1)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoints"}
    assert {path.name for path in folder.iterdir()} == {"1", "2"}


def test_a_checkpoint_of_another_optimiser_is_refused_in_one_line(tmp_path):
    def of(optimizer):
        return fresh_state({"params": {"w": jnp.ones(2)}, "batch_stats": {}}, optimizer)

    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(of(optax.adam(0.1)), progress(None, 0), evaluated=False)
        checkpoints.wait()
        checkpoints.restore(0, of(optax.adam(0.2)))
        with pytest.raises(RunError, match="holds another state than .* optimiser .* --workdir"):
            checkpoints.restore(0, of(optax.sgd(0.1, momentum=0.9)))
