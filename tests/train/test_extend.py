"""A finished run that is made longer."""

import io
import json
from dataclasses import replace

import chex
import pytest
from rich.console import Console

from jaxcnn.errors import Interrupted, UserError
from jaxcnn.recipe import Augment, Mesh, Optim, Recipe, Schedule
from jaxcnn.train import command as train
from jaxcnn.train.fit import fit
from tests.train.stops import at_look
from tests.train.test_loop import metrics_of, state_at

# 1,257 training images: 9 steps an epoch.
RECIPE = Recipe(
    "linear",
    epochs=2,
    batch_size=128,
    image_size=8,
    optim=Optim("adamw", lr=3e-3, ema_decay=0.9),
    schedule=Schedule("constant"),
    augment=Augment(mixup=0.2),
    mesh=Mesh(data=1),
    data_on_device="no",  # So that a run can be stopped at each step.
)
LONGER = replace(RECIPE, epochs=4)


def quiet_fit(recipe, folder, **options):
    return fit(recipe, folder, console=Console(file=io.StringIO()), **options)


@pytest.mark.parametrize("kill", [False, True])
def test_an_extended_run_is_one_that_was_longer_from_its_start(tmp_path, monkeypatch, kill):
    """Weights, optimiser and averages; the rate being constant, nothing is stretched."""
    whole = quiet_fit(LONGER, tmp_path / "whole")
    shorter = quiet_fit(RECIPE, tmp_path / "run")
    with pytest.raises(UserError, match=r"--epochs: 2 != 4\); --extend goes on from its end"):
        quiet_fit(LONGER, tmp_path / "run")
    if kill:
        with pytest.raises(Interrupted, match="stopped at step 21 of 36"):
            quiet_fit(LONGER, tmp_path / "run", extend=True, stop_when_asked=at_look(4))
    summary = quiet_fit(LONGER, tmp_path / "run", extend=not kill)
    assert summary == {**whole, "extended_from": 18, "seconds": summary["seconds"]}
    chex.assert_trees_all_equal(state_at(tmp_path / "run", 36), state_at(tmp_path / "whole", 36))
    assert metrics_of(tmp_path / "run") == metrics_of(tmp_path / "whole")
    assert json.loads((tmp_path / "run" / "summary-18.json").read_text()) == shorter
    # It is finished now.
    assert quiet_fit(LONGER, tmp_path / "run", extend=True) == summary


def test_the_schedule_is_stretched(tmp_path):
    recipes = [replace(recipe, schedule=Schedule("cosine")) for recipe in (RECIPE, LONGER)]
    quiet_fit(recipes[0], tmp_path / "run")
    quiet_fit(recipes[1], tmp_path / "run", extend=True)
    quiet_fit(recipes[1], tmp_path / "whole")
    extended, whole = (
        [line["lr"] for line in metrics_of(tmp_path / name)] for name in ("run", "whole")
    )
    assert extended[2:] == whole[2:] and extended[2] > extended[1]


def test_an_epoch_that_the_shorter_run_cut_stands_in_the_metrics_once(tmp_path):
    quiet_fit(replace(RECIPE, steps=13), tmp_path)
    quiet_fit(replace(RECIPE, steps=20), tmp_path, extend=True)
    lines = [(line["epoch"], line["step"]) for line in metrics_of(tmp_path)]
    assert lines == [(1, 9), (2, 18), (3, 20)]


def test_what_is_no_longer_run_is_refused_and_changes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    flags = ["--arch=linear", "--epochs=2", "--batch-size=128", "--no-compilation-cache"]
    assert train.main(flags) == 0
    folder = tmp_path / "runs" / "linear-digits-s0"
    before = {path: path.read_bytes() for path in folder.glob("*.json*")}
    capsys.readouterr()
    for more, message in (
        (["--extend", "--steps=18"], "holds a run of 18 steps; 18 do not extend it"),
        (["--extend", "--epochs=1"], "give the same flags to resume it, or another --workdir"),
        (["--extend", "--epochs=3", "--optim.lr=1"], "another recipe (--epochs: 2 != 3; --optim"),
        (["--epochs=3"], "--extend goes on from its end; or give another --workdir"),
    ):
        assert train.main([*flags, *more]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
    assert {path: path.read_bytes() for path in folder.glob("*.json*")} == before
    assert train.main([*flags, "--epochs=3", "--extend"]) == 0
    assert json.loads((folder / "summary.json").read_text())["extended_from"] == 18
