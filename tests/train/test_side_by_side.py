"""A recipe's seeds side by side: folders, figures and weights are those of runs alone."""

import io
import json
from contextlib import nullcontext
from dataclasses import replace

import chex
import pytest
from rich.console import Console

from jaxcnn.errors import Interrupted, UserError
from jaxcnn.recipe import Augment, Mesh, Optim, Recipe
from jaxcnn.run.folder import RunFolder
from jaxcnn.train import side_by_side
from jaxcnn.train.fit import fit
from jaxcnn.train.side_by_side import fit_side_by_side
from tests.train.stops import StopAt
from tests.train.test_loop import metrics_of, state_at, steps_of

# 1,257 training images: 9 steps an epoch.
RECIPE = Recipe(
    "linear",
    epochs=2,
    batch_size=128,
    image_size=8,
    optim=Optim("adamw", lr=3e-3, ema_decay=0.9),
    augment=Augment(mixup=0.2),
    log_every_steps=3,
    data_on_device="yes",
    mesh=Mesh(data=1),
)
SEEDS = (0, 1, 7)


def quiet():
    return Console(file=io.StringIO(), width=200)


def runs_in(folder, recipe=RECIPE):
    return {folder / f"s{seed}": replace(recipe, seed=seed) for seed in SEEDS}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Each run by itself: (folder, summaries)."""
    folder = tmp_path_factory.mktemp("alone")
    runs = runs_in(folder)
    return folder, [fit(recipe, path, console=quiet()) for path, recipe in runs.items()]


def without_seconds(summary):
    return {name: value for name, value in summary.items() if name != "seconds"}


def test_a_run_a_core_is_to_the_bit_what_it_is_alone_and_has_its_report(alone, tmp_path, drawn):
    folder, summaries = alone
    with drawn():
        found = fit_side_by_side(runs_in(tmp_path), quiet(), as_one=False)
    for ours, theirs in zip(found.values(), summaries, strict=True):
        assert without_seconds(ours) == without_seconds(theirs)
    for seed in SEEDS:
        ours, theirs = tmp_path / f"s{seed}", folder / f"s{seed}"
        assert metrics_of(ours) == metrics_of(theirs)
        assert steps_of(ours) == steps_of(theirs)
        chex.assert_trees_all_equal(state_at(ours, 18), state_at(theirs, 18))
        report = {path.name for path in (ours / "report").iterdir()}
        assert report >= {"index.html", "classes.json", "curves.png", "confusion.png"}


@pytest.mark.parametrize("on_device", ["yes", "no"])
def test_runs_that_are_one_program_are_what_they_are_alone_but_for_rounding(
    alone, tmp_path, on_device
):
    folder, summaries = alone
    runs = runs_in(tmp_path, replace(RECIPE, data_on_device=on_device))
    found = fit_side_by_side(runs, quiet(), as_one=True)
    for ours, theirs in zip(found.values(), summaries, strict=True):
        assert ours["test"] == pytest.approx(theirs["test"], rel=1e-4)
    for seed in SEEDS:
        ours, theirs = tmp_path / f"s{seed}", folder / f"s{seed}"
        for line, expected in zip(metrics_of(ours), metrics_of(theirs), strict=True):
            assert line == pytest.approx(expected, rel=1e-4)
        chex.assert_trees_all_close(
            state_at(ours, 18)["params"], state_at(theirs, 18)["params"], rtol=1e-3, atol=1e-5
        )


@pytest.mark.parametrize("as_one", [False, True])
def test_runs_that_were_stopped_go_on_to_what_they_would_have_been(
    alone, tmp_path, monkeypatch, as_one
):
    """The flag is set for one look of one run: that one stops, and the others do not wait."""
    monkeypatch.setattr(side_by_side, "stop_on_signal", lambda: nullcontext(StopAt(7)))
    with pytest.raises(Interrupted, match="run the same command again to go on"):
        fit_side_by_side(runs_in(tmp_path), quiet(), as_one=as_one)
    monkeypatch.undo()
    done = [RunFolder(path).read_summary() is not None for path in runs_in(tmp_path)]
    assert sorted(done) == [False, True, True]
    found = fit_side_by_side(runs_in(tmp_path), quiet(), as_one=as_one)
    for ours, theirs in zip(found.values(), alone[1], strict=True):
        assert ours["test"] == pytest.approx(theirs["test"], rel=1e-4 if as_one else 0)


@pytest.mark.parametrize("as_one", [False, True])
def test_where_one_run_fails_the_others_come_to_their_end(tmp_path, as_one):
    runs = runs_in(tmp_path)
    first = next(iter(runs))
    RunFolder(first).path.mkdir()
    (first / "recipe.json").write_text("{")
    console = quiet()
    with pytest.raises(UserError, match="recipe.json"):
        fit_side_by_side(runs, console, as_one=as_one)
    assert [(path / "summary.json").exists() for path in runs] == [False, True, True]


def test_lines_say_whose_they_are_and_what_is_done_is_not_done_again(tmp_path, monkeypatch):
    console = quiet()
    summaries = fit_side_by_side(runs_in(tmp_path), console)
    lines = console.file.getvalue().splitlines()
    for seed in SEEDS:
        assert sum(line.startswith(f"seed {seed}: epoch   ") for line in lines) == 2
    assert all(line.startswith("seed ") or "jaxcnn.set_up()" in line for line in lines)
    monkeypatch.setattr("jaxcnn.train.fit.build", None)
    again = fit_side_by_side(runs_in(tmp_path), quiet())
    assert json.dumps(list(again.values())) == json.dumps(list(summaries.values()))


def test_a_program_of_all_takes_jit(tmp_path):
    runs = runs_in(tmp_path, replace(RECIPE, parallel="pmap", data_on_device="no"))
    with pytest.raises(UserError, match="side by side .* take --parallel=jit"):
        fit_side_by_side(runs, quiet(), as_one=True)
