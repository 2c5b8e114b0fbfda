import csv

import numpy as np
import pytest

from jaxcnn.processes.stopping import StopFlag, StopRequested
from jaxcnn.recipe import Optim, Recipe
from jaxcnn.train import command as train
from jaxcnn.train.rate_range import FIRST, RateRange, growing, rate_range, smoothed

TINY = ["--arch=linear", "--image-size=8", "--mesh.data=1", "--workers=0", "--batch-size=256"]


def find(folder, *args):
    flags = [*TINY, *args, "--lr-find", f"--workdir={folder}", "--no-compilation-cache"]
    return train.main(flags)


def test_the_rate_is_a_tenth_of_where_the_loss_is_lowest_and_no_run_is_left(tmp_path, capsys):
    assert find(tmp_path, "--optim.name=sgd", "--schedule.warmup-epochs=1") == 0
    told = capsys.readouterr()
    with (tmp_path / "lr_find" / "lr_find.csv").open(newline="") as file:
        rows = [{name: float(text) for name, text in row.items()} for row in csv.DictReader(file)]
    growth = [later["lr"] / earlier["lr"] for earlier, later in zip(rows, rows[1:], strict=False)]
    assert rows[0]["lr"] == pytest.approx(1e-7)
    assert growth[0] > 1 and growth == pytest.approx([growth[0]] * len(growth), rel=1e-4)
    lowest = min(rows[FIRST:], key=lambda row: row["smoothed"])
    rate = float(f"{lowest['lr'] / 10:.0e}")
    assert f"--optim.lr={rate:g}, a tenth of" in told.out
    assert lowest["smoothed"] < 0.5 * rows[0]["loss"]
    assert rows[-1]["smoothed"] <= 4.5 * lowest["smoothed"], "what diverged is left out"
    assert [path.name for path in tmp_path.iterdir()] == ["lr_find"]
    assert "<svg" in (tmp_path / "lr_find" / "index.html").read_text()


def test_the_steepest_descent_is_before_the_minimum():
    rates = np.logspace(-5, 0, 101)
    losses = 1 - 0.5 / (1 + np.exp(-4 * (np.log10(rates) + 3))) + 10 * rates**2
    found = RateRange(rates, losses, losses, diverged=True)
    assert found.steepest == pytest.approx(1e-3, rel=0.15)
    assert found.steepest < found.at_minimum and found.suggested == pytest.approx(
        found.at_minimum / 10, rel=0.5
    )


def test_a_steady_loss_is_smoothed_to_itself():
    assert smoothed(np.full(5, 2.5)) == pytest.approx([2.5] * 5)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "rmsprop", "lamb", "lion", "muon"])
def test_any_optimiser_is_tried_with_the_rates_of_its_groups_in_proportion(optimizer):
    optim = Optim(name=optimizer, lr=0.02, adam_lr=0.001)
    tried = growing(Recipe("lenet5", optim=optim)).optim
    assert tried.name == optimizer and tried.adam_lr / tried.lr == pytest.approx(0.05)


def test_a_signal_ends_it():
    flag = StopFlag()
    flag.set(15)
    recipe = train.parse(TINY).recipe
    with pytest.raises(StopRequested):
        rate_range(recipe, flag)


@pytest.mark.parametrize("flag", ["--extend", "--profile=1:2", "--wandb=project"])
def test_what_a_run_alone_has_is_refused(flag, tmp_path, capsys):
    assert find(tmp_path / "run", flag) == 2
    assert "--lr-find trains no run" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
