import sys
from types import SimpleNamespace

import pytest

from jaxcnn.errors import UserError
from jaxcnn.recipe import Recipe
from jaxcnn.wandb_log import wandb_log


def test_epochs_reach_the_run_of_the_folders_name(monkeypatch, tmp_path):
    opened, logged = [], []
    run = SimpleNamespace(log=lambda values, step: logged.append((step, values)))
    stand_in = SimpleNamespace(init=lambda **kwargs: opened.append(kwargs) or run)
    monkeypatch.setitem(sys.modules, "wandb", stand_in)
    log = wandb_log("my-project", Recipe("lenet5"), tmp_path / "run1")
    log({"epoch": 1, "step": 9, "val_top1": 0.5})
    assert (opened[0]["project"], opened[0]["id"]) == ("my-project", "run1")
    assert opened[0]["config"]["arch"] == "lenet5"
    assert logged == [(9, {"epoch": 1, "step": 9, "val_top1": 0.5})]


def test_without_the_package_the_command_that_installs_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match=r"pip install 'jaxcnn\[wandb\]'"):
        wandb_log("my-project", Recipe("lenet5"), tmp_path)
