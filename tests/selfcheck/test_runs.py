"""Runs are written by hand here; `tests/selfcheck/test_command.py` trains them."""

import json
import subprocess

import numpy as np
import orbax.checkpoint as ocp
import pytest

from jaxcnn.selfcheck import runs
from jaxcnn.selfcheck.equal import check_equal, differences


def write_run(folder, *, weight=1.0, seconds=1.0, loss=0.5):
    folder.mkdir(parents=True)
    line = {"epoch": 1, "step": 2, "train_loss": loss, "images_per_second": seconds}
    (folder / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    (folder / "summary.json").write_text(json.dumps({"steps": 2, "seconds": seconds}))
    with ocp.StandardCheckpointer() as writer:
        state = {"params": {"kernel": np.array([weight, 2.0], np.float32)}}
        writer.save(folder.absolute() / "checkpoints" / "2" / "state", state)


def test_runs_that_differ_in_time_alone_are_equal(tmp_path):
    write_run(tmp_path / "one")
    write_run(tmp_path / "other", seconds=9.0)
    assert differences(tmp_path / "one", tmp_path / "other") == []


def test_one_bit_of_one_weight_is_found(tmp_path):
    write_run(tmp_path / "one")
    write_run(tmp_path / "other", weight=np.nextafter(np.float32(1), np.float32(2)))
    [found] = differences(tmp_path / "one", tmp_path / "other")
    assert found == "checkpoint 2: ['params']['kernel'] differs"


def test_another_metric_is_found(tmp_path):
    write_run(tmp_path / "one")
    write_run(tmp_path / "other", loss=0.25)
    assert differences(tmp_path / "one", tmp_path / "other") == ["metrics.jsonl differs"]


@pytest.fixture
def by_hand(monkeypatch):
    """Trainings that write at once what `weights` has for the run's folder."""
    weights: dict[str, float] = {}

    def finish(training, workdir, cache, until):
        write_run(workdir, weight=weights.get(workdir.name, 1.0))
        return 3.0

    def ask(name, *, seconds, environment, **arguments):
        return check_equal(**arguments)

    monkeypatch.setattr(runs, "finish", finish)
    monkeypatch.setattr(runs, "kill_at_a_checkpoint", lambda *_: 6)
    monkeypatch.setattr(runs, "ask", ask)
    return weights


def test_equal_runs_are_fine(by_hand):
    outcome = runs.check_runs(seconds=60)
    assert outcome.failures == outcome.skipped == ()
    assert list(outcome.figures["equal"].values()) == [True] * 2


@pytest.mark.parametrize(
    "folder, what",
    [
        ("again", "the same run again"),
        ("killed", "a run killed at step 6 and gone on with"),
    ],
)
def test_a_run_that_ends_otherwise_is_a_failure(by_hand, folder, what):
    by_hand[folder] = 1.5
    outcome = runs.check_runs(seconds=60)
    assert outcome.failures == (f"{what}: checkpoint 2: ['params']['kernel'] differs",)
    assert outcome.figures["equal"][what] is False


def test_a_training_that_cannot_run_is_a_failure_in_its_own_words():
    outcome = runs.check_runs(seconds=60, training=("--arch=resnet5",))
    [failure] = outcome.failures
    assert "did you mean" in failure


def test_no_time_is_no_failure(monkeypatch):
    def finish(*_):
        raise subprocess.TimeoutExpired("train", 1)

    monkeypatch.setattr(runs, "finish", finish)
    outcome = runs.check_runs(seconds=1)
    assert outcome.failures == () and outcome.skipped == ("runs: not all done in 1 s",)
