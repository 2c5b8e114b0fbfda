"""The command line as a person types it: tiny runs of a linear model on digits."""

import csv
import json
import os
import shlex
import signal
from dataclasses import replace
from functools import partial

import pytest
from optuna.pruners import MedianPruner

import jaxcnn
from jaxcnn.data import dataset_spec, register_dataset
from jaxcnn.recipe import from_json
from jaxcnn.run.folder import RunFolder
from jaxcnn.train import command as train
from jaxcnn.tune.command import main, parse
from jaxcnn.tune.study import PRUNERS

TINY = ["--arch=linear", "--image-size=8", "--mesh.data=1", "--workers=0", "--batch-size=512"]
SEARCH = ["--search", "optim.lr=log:1e-6:1e-1", "optim.weight-decay=0,0.1"]
PRUNED = ["--epochs=2", "--trials=4"]


def tune(folder, *args):
    return main([*TINY, *args, f"--workdir={folder}", "--no-compilation-cache"])


def rows_of(folder):
    with (folder / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{name: row[name] for name in row if name != "seconds"} for row in rows]


@pytest.fixture(scope="module", autouse=True)
def pruned_from_the_second_trial_on():
    """Not from optuna's fifth, which are too many to train here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRUNERS, "median", partial(MedianPruner, n_startup_trials=1))
        yield


@pytest.fixture(scope="module")
def searched(tmp_path_factory, pruned_from_the_second_trial_on):
    folder = tmp_path_factory.mktemp("tune")
    assert tune(folder, *PRUNED, *SEARCH) == 0
    return folder


def test_the_best_trial_is_the_best_by_validation_and_its_recipe_is_written(searched):
    rows = rows_of(searched)
    done = [row for row in rows if row["state"] == "complete"]
    best = max(done, key=lambda row: float(row["val_top1"]))
    recipe = from_json(json.loads((searched / "best.json").read_text()))
    assert recipe.optim.lr == float(best["optim.lr"]) and recipe.test
    summary = RunFolder(searched / "trials" / f"{int(best['trial']):04d}").read_summary()
    assert summary["val"]["top1"] == float(best["val_top1"]) and "test" not in summary


def test_trials_that_fall_behind_are_pruned_and_only_the_bests_weights_are_kept(searched):
    rows = rows_of(searched)
    pruned = [row for row in rows if row["state"] == "pruned"]
    assert pruned and all(row["reason"].startswith("pruned after epoch") for row in pruned)
    assert all(int(row["epochs"]) == 1 for row in pruned)
    assert len(list(searched.glob("trials/*/checkpoints"))) == 1
    assert len(list(searched.glob("trials/*/recipe.json"))) == 4


def test_the_printed_command_trains_the_best_recipe(searched, capsys):
    assert tune(searched, *PRUNED, *SEARCH) == 0
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("train it: ")]
    words = shlex.split(line.removeprefix("train it: "))
    assert words[:3] == ["python", "-m", "jaxcnn.train"]
    best = from_json(json.loads((searched / "best.json").read_text()))
    assert train.parse(words[3:]).recipe == best


def test_a_search_that_was_stopped_in_a_trial_goes_on_to_what_it_would_have_been(
    searched, tmp_path, monkeypatch, capsys
):
    folder, fit, calls = tmp_path / "tune", jaxcnn.fit, []

    def stopped(recipe, workdir, callbacks, **kwargs):
        def then_stop(line):
            callbacks[0](line)
            if len(calls) == 2:
                os.kill(os.getpid(), signal.SIGTERM)

        calls.append(workdir)
        return fit(recipe, workdir, callbacks=[then_stop], **kwargs)

    monkeypatch.setattr("jaxcnn.tune.study.fit", stopped)
    search = ["--epochs=2", "--trials=3", *SEARCH]
    for last in ("stopped in a trial, which is saved; run the same command again to go on", ""):
        assert tune(folder, *search) == 0
        told = capsys.readouterr().err
        assert last in told
    assert "going on with trial 1" in told and len(rows_of(folder)) == 3
    assert tune(folder, *PRUNED, *SEARCH) == 0, "more trials are added to those there"
    assert rows_of(folder) == rows_of(searched)


def test_the_page_shows_the_fields_and_what_became_of_the_trials(searched):
    page = (searched / "index.html").read_text()
    assert page.count("<svg") == 3 and "optim.weight_decay" in page and "pruned after" in page
    assert "Of 4 trials" in (searched / "tune.md").read_text()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--search", "optim.lr=log:1e-5:1e-1"], "optim.lr: log:1e-06:0.1 != log:1e-05:0.1"),
        ([*SEARCH, "--pruner=none"], "--pruner: median != none"),
        ([*SEARCH, "--schedule.name=linear"], "--schedule.name: cosine != linear"),
    ],
)
def test_another_search_in_the_folder_is_refused_by_what_differs(searched, args, message, capsys):
    assert tune(searched, *PRUNED, *args) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([*SEARCH, "--optim.lr=1"], "optim.lr is given as a flag and searched"),
        ([*SEARCH, "--no-test"], "no trial opens the test split"),
        ([*SEARCH, "--trials=0"], "--trials=0 is out of range"),
        ([*SEARCH, "--minutes=0"], "--minutes=0 is out of range"),
        (["--search", "augment.mixup=-1:1"], "--augment.mixup=-1"),
        ([], "--search is missing"),
    ],
)
def test_what_cannot_work_is_refused_before_a_folder_is_made(args, message, tmp_path, capsys):
    assert tune(tmp_path / "tune", *args) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1 and not (tmp_path / "tune").exists()


def test_values_that_do_not_go_together_end_their_trial_alone(tmp_path, capsys):
    search = ["--search", "schedule.min-lr=0.1,0.5", "--optim.lr=0.01"]
    assert tune(tmp_path, "--trials=2", *search) == 1
    assert all("is above the peak rate" in row["reason"] for row in rows_of(tmp_path))
    assert "none of 2 trials went to its end; the first: refused" in capsys.readouterr().err


def test_the_test_split_is_never_opened(own_names, tmp_path):
    digits, asked = dataset_spec("digits"), []

    def load(split, data_dir):
        asked.append(split)
        assert split != "test", "opened"
        return digits.load("all", data_dir)

    register_dataset(replace(digits, name="untestable", splits=("train", "test"), load=load))
    args = ["--dataset=untestable", "--epochs=1", "--trials=1", *SEARCH]
    assert tune(tmp_path, *args) == 0
    assert set(asked) == {"train"}
    assert not list(tmp_path.rglob("test_uses.jsonl"))


def test_defaults_follow_the_architecture_that_is_drawn():
    options = parse(["--search", "arch=mlp,lenet5", "--trials=1"])
    assert options.recipe.arch == "mlp"
