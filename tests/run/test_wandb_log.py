import sys
from types import SimpleNamespace

import pytest

from jaxcnn.errors import UserError
from jaxcnn.recipe import Recipe
from jaxcnn.run.wandb_log import wandb_log
from jaxcnn.train import command as train

FLAGS = ["--arch=linear", "--wandb=my-project", "--batch-size=128", "--no-compilation-cache"]
LINE = {"epoch": 1, "step": 9, "val_top1": 0.5}


@pytest.fixture
def wandb(monkeypatch):
    """A stand-in for the package: what was opened, and what was logged in each run by its id."""
    opened, logged = [], {}

    def init(**kwargs):
        opened.append(kwargs)
        lines = logged.setdefault(kwargs["id"], [])
        return SimpleNamespace(log=lambda values, step: lines.append((step, values)))

    stand_in = SimpleNamespace(init=init, opened=opened, logged=logged)
    monkeypatch.setitem(sys.modules, "wandb", stand_in)
    return stand_in


def log_to(folder, line=LINE):
    folder.mkdir(parents=True, exist_ok=True)
    wandb_log("my-project", Recipe("lenet5"), folder, pytest.fail)(line)


def test_epochs_reach_a_run_of_the_folders_name(wandb, tmp_path):
    log_to(tmp_path / "run1")
    (opened,) = wandb.opened
    assert (opened["project"], opened["name"]) == ("my-project", "run1")
    assert opened["config"]["arch"] == "lenet5"
    assert wandb.logged[opened["id"]] == [(9, LINE)]


def test_two_folders_of_one_name_are_two_runs_and_a_resumed_one_is_the_same(wandb, tmp_path):
    log_to(tmp_path / "a" / "s0")
    log_to(tmp_path / "b" / "s0")
    log_to(tmp_path / "a" / "s0", {**LINE, "step": 18})
    ids = [opened["id"] for opened in wandb.opened]
    assert ids[0] == ids[2] != ids[1]
    assert [step for step, _ in wandb.logged[ids[0]]] == [9, 18]


def test_before_there_is_a_line_nothing_is_left_in_the_folder(wandb, tmp_path):
    wandb_log("my-project", Recipe("lenet5"), tmp_path / "refused", pytest.fail)
    assert not list(tmp_path.iterdir())


def test_lines_that_do_not_get_there_are_told_once_and_the_run_goes_on(
    wandb, monkeypatch, tmp_path
):
    def log(values, step):
        raise ConnectionError("no\nroute")

    monkeypatch.setattr(wandb, "init", lambda **kwargs: SimpleNamespace(log=log))
    said = []
    logger = wandb_log("my-project", Recipe("lenet5"), tmp_path, said.append)
    for epoch in (1, 2, 3):
        logger({**LINE, "epoch": epoch})
    (line,) = said
    assert line.startswith("epoch 1 did not reach wandb (ConnectionError: no route)")
    assert "metrics.jsonl has them all" in line


def test_a_run_trains_to_its_end_though_wandb_is_lost_on_the_way(
    wandb, monkeypatch, tmp_path, capsys
):
    def log(values, step):
        raise ConnectionError("no route")

    monkeypatch.setattr(wandb, "init", lambda **kwargs: SimpleNamespace(log=log))
    assert train.main([*FLAGS, f"--workdir={tmp_path}", "--steps=20"]) == 0
    assert capsys.readouterr().err.count("did not reach wandb") == 1
    assert (tmp_path / "summary.json").exists()


@pytest.mark.parametrize(
    "error", [RuntimeError("api_key not configured (no-tty).\nCall wandb.login"), OSError("no net")]
)
def test_a_run_that_wandb_does_not_open_is_refused_before_it_begins(
    wandb, monkeypatch, tmp_path, capsys, error
):
    def init(**kwargs):
        raise error

    monkeypatch.setattr(wandb, "init", init)
    assert train.main([*FLAGS, f"--workdir={tmp_path / 'run'}"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "Traceback" not in told
    assert "--wandb=my-project cannot be logged to" in told and str(error).split("\n")[0] in told
    assert "`wandb login`" in told and "WANDB_MODE=offline" in told
    assert not list(tmp_path.iterdir())


def test_without_the_package_the_command_that_installs_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match=r"pip install 'jaxcnn\[wandb\]'"):
        wandb_log("my-project", Recipe("lenet5"), tmp_path, pytest.fail)
