"""The command line as a person types it: tiny runs of a linear model on digits."""

import csv
import os
import signal
from pathlib import Path

import pytest

import jaxcnn
from jaxcnn.recipe import recipe_for
from jaxcnn.run.folder import RunFolder
from jaxcnn.sweep.command import main, parse, read_axes, recipes_of, seeds_of
from jaxcnn.sweep.grid import choices, name_of
from jaxcnn.train import command as train

TINY = ["--arch=linear", "--image-size=8", "--epochs=1", "--mesh.data=1", "--workers=0"]
GRID = ["--seeds=2", "--grid", "optim.lr=1e-2,1e-1"]
NAMES = ["optim.lr=0.01", "optim.lr=0.1"]


def sweep(folder, *args):
    return main([*TINY, *args, f"--workdir={folder}", "--no-compilation-cache"])


def rows_of(folder, *without):
    with (folder / "sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{name: row[name] for name in row if name not in without} for row in rows]


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    assert sweep(folder, *GRID) == 0
    return folder


def test_the_files_have_a_row_for_every_run_and_what_the_runs_measured(swept):
    rows = rows_of(swept)
    assert [(row["recipe"], row["seed"]) for row in rows] == [
        (name, seed) for name in NAMES for seed in "01"
    ]
    for row in rows:
        summary = RunFolder(swept / row["recipe"] / f"s{row['seed']}").read_summary()
        for column in ("val_top1", "val_loss", "test_top1", "test_top5", "test_n"):
            split, _, figure = column.partition("_")
            assert float(row[column]) == summary[split][figure]
        assert f"optim.lr={row['optim.lr']}" == row["recipe"]
        assert (row["params"], float(row["gmacs"]), row["steps"]) == ("650", 6.4e-7, "9")
    assert (swept / "sweep.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_has_the_command_and_the_table(swept):
    page = (swept / "sweep.md").read_text()
    assert "    python -m jaxcnn.sweep --arch=linear" in page
    top1 = [float(row["test_top1"]) for row in rows_of(swept)]
    differences = [top1[2] - top1[0], top1[3] - top1[1]]
    (row,) = [line for line in page.splitlines() if "| test |" in line and "baseline" not in line]
    assert f"{sum(top1[2:]) / 2:.4f} ± " in row and f"{sum(differences) / 2:+.4f} ± " in row
    assert "inf" not in page and "nan" not in page


def test_seeds_together_are_on_a_cpu_what_they_are_one_after_the_other(swept, tmp_path, capsys):
    assert sweep(tmp_path, *GRID, "--together") == 0
    assert rows_of(tmp_path, "seconds") == rows_of(swept, "seconds")
    told = capsys.readouterr()
    assert "Seconds are those of runs side by side" in told.out + told.err
    assert "seed 1: epoch   1/1" in told.err


def test_an_interrupted_sweep_goes_on_to_what_it_would_have_been(
    swept, tmp_path, monkeypatch, capsys
):
    """By signals in a run, once within an epoch's steps and once before a run begins."""
    folder, fit, calls = tmp_path / "sweep", jaxcnn.fit, []

    def interrupted(recipe, workdir, **kwargs):
        calls.append(workdir)
        if len(calls) == 2:
            kwargs["callbacks"] = [lambda line: os.kill(os.getpid(), signal.SIGTERM)]
        if len(calls) == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return fit(recipe, workdir, **kwargs)

    monkeypatch.setattr("jaxcnn.sweeps.runs.fit", interrupted)
    last_lines = []
    for status in (0, 1, 0):
        assert sweep(folder, *GRID) == status
        last_lines.append(capsys.readouterr().err.strip().splitlines()[-1])
    assert "stopped at step 9 of 9" in last_lines[0] and "stopped between two runs" in last_lines[1]
    assert all("run the same command again to go on" in line for line in last_lines[:2])
    assert rows_of(folder, "seconds") == rows_of(swept, "seconds")
    steps = [folder / name / "s1" / "metrics.jsonl" for name in NAMES]
    assert all(path.read_text().count("\n") == 1 for path in steps)


def test_more_seeds_add_runs_and_what_is_done_stays(swept, tmp_path, monkeypatch, capsys):
    before = rows_of(swept)
    done = []
    fit = jaxcnn.fit
    monkeypatch.setattr(
        "jaxcnn.sweeps.runs.fit",
        lambda recipe, workdir, **kwargs: (
            done.append((Path(workdir) / "summary.json").exists()) or fit(recipe, workdir, **kwargs)
        ),
    )
    assert sweep(swept, *GRID[1:], "--seeds=3") == 0
    assert done == [True, True, False] * 2
    assert [row for row in rows_of(swept) if row["seed"] != "2"] == before


def test_one_seed_is_said_to_say_nothing_of_the_spread(swept, capsys):
    assert sweep(swept, *GRID[1:], "--seeds=1", "--metric=loss") == 0
    shown = capsys.readouterr().out
    assert "One seed says nothing of the spread" in shown and "loss" in shown
    assert "inf" not in shown and "nan" not in shown


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--grid", "optim.lr=1e-2,0.2"], "another sweep, with optim.lr=0.1"),
        (["--grid", "optim.lr=1e-2,1e-1,1"], "another sweep, without optim.lr=1"),
        ([*GRID, "--batch-size=100"], "another optim.lr=0.01 (--batch-size: 128 != 100)"),
        ([*GRID, "--baseline=optim.lr=1"], "--baseline=optim.lr=1 is no recipe of this sweep"),
        ([*GRID, "--metric=tpo1"], "unknown metric 'tpo1'; did you mean 'top1'?"),
    ],
)
def test_another_sweep_in_the_folder_is_refused_and_it_stays(swept, args, message, capsys):
    before = (swept / "sweep.json").read_text()
    assert sweep(swept, *args) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1
    assert (swept / "sweep.json").read_text() == before


def test_a_runs_folder_is_no_sweeps(swept, capsys):
    assert sweep(swept / NAMES[0] / "s0") == 2
    assert "holds a run, not a sweep" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--arch=linear", "--sedes=5"], "did you mean --seeds?"),
        (["--arch=linear", "--seed=3"], "--seed is of one run; give --seeds=N"),
        (["--arch=linear", "--seeds=0"], "one number is how many seeds, 1 to 1,000"),
        (["--arch=linear", "--seeds=x"], "give how many, or several: --seeds 3 5 7"),
        (["--arch=linear", "--seeds", "3", "3"], "has a seed twice"),
        (["--arch=linear", "--seeds", "-1", "3"], "a seed is 0 to"),
        (["--arch=linear", "--grid"], "--grid is empty"),
        (["--arch=linear", "--grid", "epochs=1", "--grid", "epochs=2"], "--grid is there twice"),
        (["--arch=linear", "--grid", "optim.lr=-1"], "--optim.lr=-1.0 is out of range"),
        (["--arch=linear", "--epochs=2", "--grid", "epochs=1"], "as a flag and in the grid"),
        (
            ["--arch=linear", "--optim.no-nesterov", "--grid", "optim.nesterov=true"],
            "optim.nesterov is given as a flag and in the grid",
        ),
        (["--grid", "epochs=1"], "--arch=NAME is missing"),
        (["--grid", "arch=linear,mlpp"], "unknown model 'mlpp'; did you mean 'mlp'?"),
        (
            ["--arch=linear", "--grid", "model.drop_rate=0,0.2"],
            "model.drop_rate=0: linear has no drop_rate",
        ),
    ],
)
def test_wrong_input_exits_2_with_one_line(args, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*args, "--no-compilation-cache"]) == 2
    told = capsys.readouterr()
    assert message in told.err and told.err.count("\n") == 1 and told.out == ""
    assert not list(tmp_path.iterdir())


def test_a_sweep_whose_first_run_cannot_begin_leaves_the_folder_for_the_right_one(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no.pth").write_bytes(b"no weights")
    flags = ["--seeds=1", "--steps=1"]
    assert sweep(tmp_path / "sweep", *flags, "--grid", "pretrained=no.pth") == 2
    assert sweep(tmp_path / "sweep", *flags) == 0


@pytest.mark.parametrize("name", ["sweep.csv", "sweep.json", "linear"])
def test_a_link_where_the_sweep_writes_is_refused(name, tmp_path, capsys):
    folder, elsewhere = tmp_path / "sweep", tmp_path / "elsewhere"
    folder.mkdir()
    (folder / name).symlink_to(elsewhere)
    assert sweep(folder, "--seeds=1") == 2
    told = capsys.readouterr().err
    assert f"{name} is a symbolic link" in told and told.count("\n") == 1
    assert not elsewhere.exists()


@pytest.mark.parametrize(
    ("words", "seeds"),
    [(["3"], [0, 1, 2]), (["3", "5", "7"], [3, 5, 7]), (["3,5"], [3, 5]), (["1"], [0])],
)
def test_one_number_counts_seeds_and_several_are_seeds(words, seeds):
    assert list(seeds_of(words)) == seeds


def test_a_grid_of_architectures_has_each_ones_own_defaults():
    args = ["--grid", "arch=linear,lenet5", "optim.weight-decay=0.5", "--epochs=3"]
    by_name = {name_of(choice): choice for choice in choices(read_axes(args))}
    recipes = recipes_of(by_name, args)
    for arch in ("linear", "lenet5"):
        recipe = recipes[f"arch={arch},optim.weight_decay=0.5"]
        flags = [f"--arch={arch}", "--optim.weight-decay=0.5", "--epochs=3"]
        assert recipe == train.parse(flags).recipe
        assert recipe.schedule == recipe_for(arch).schedule
    assert parse(args).recipe.arch == "linear"
