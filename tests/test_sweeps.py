import io
import statistics
from dataclasses import replace

import numpy as np
import pytest
from flax import linen as nn
from rich.console import Console
from scipy import stats

import jaxcnn
from jaxcnn.errors import RunError, UserError
from jaxcnn.recipe import Mesh, Optim, Recipe
from jaxcnn.sweeps import Estimate, estimate, sweep, table

RECIPE = Recipe("linear", epochs=1, batch_size=100, image_size=8, mesh=Mesh(data=1))


def test_interval_is_students_t():
    values = (0.91, 0.95, 0.93, 0.92)
    low, high = stats.t.interval(0.95, 3, loc=statistics.fmean(values), scale=stats.sem(values))
    figure = Estimate(values)
    assert figure.mean - figure.interval95 == pytest.approx(low)
    assert figure.mean + figure.interval95 == pytest.approx(high)


def test_one_seed_says_nothing_of_the_spread():
    assert Estimate((0.9,)).interval95 == float("inf")


@pytest.mark.parametrize("together", [False, True])
def test_where_a_run_diverges_the_others_are_done_and_it_is_said(tmp_path, together):
    console = Console(file=io.StringIO(), width=300)
    recipes = {"wild": replace(RECIPE, optim=Optim("sgd", lr=1e30)), "plain": RECIPE}
    with pytest.raises(RunError, match="not finite at step"):
        sweep(recipes, [0, 1], tmp_path, console=console, together=together)
    done = {path.parent.relative_to(tmp_path) for path in tmp_path.glob("*/*/summary.json")}
    assert {path.as_posix() for path in done} == {"plain/s0", "plain/s1"}
    assert console.file.getvalue().count("not finite at step") == 2


def test_every_recipe_runs_with_every_seed_and_what_is_done_is_not_done_again(
    tmp_path, monkeypatch
):
    console = Console(file=io.StringIO())
    recipes = {"plain": RECIPE, "longer": replace(RECIPE, epochs=2)}
    runs = sweep(recipes, [0, 1], tmp_path, console=console)
    assert [run["seed"] for run in runs["plain"]] == [0, 1]
    assert [run["steps"] for run in runs["longer"]] == [24, 24]
    told = [line for line in console.file.getvalue().splitlines() if line.endswith((" 0:", " 1:"))]
    assert told == ["plain, seed 0:", "plain, seed 1:", "longer, seed 0:", "longer, seed 1:"]
    assert len(table(runs).rows) == 2

    done = []
    fit = jaxcnn.fit
    monkeypatch.setattr(
        "jaxcnn.sweeps.runs.fit",
        lambda recipe, folder, **kwargs: (
            done.append((folder / "summary.json").exists()) or fit(recipe, folder, **kwargs)
        ),
    )
    again = sweep(recipes, [0, 1, 2], tmp_path, console=console)
    assert done == [True, True, False, True, True, False]
    assert again["plain"][:2] == runs["plain"]
    assert estimate(again["plain"], "test", "top1").values == tuple(
        run["test"]["top1"] for run in again["plain"]
    )


def test_an_ablation_gives_each_recipe_its_own_and_all_the_same_data(tmp_path, monkeypatch):
    given = []

    def fit(recipe, folder, *, console, **more):
        given.append((folder.parent.name, more))
        return {"seed": recipe.seed}

    monkeypatch.setattr("jaxcnn.sweeps.runs.fit", fit)
    images = np.arange(40 * 16, dtype=np.uint8).reshape(40, 4, 4)
    models = {"plain": nn.Dense(1), "wide": nn.Dense(2)}
    sweep(
        {"plain": RECIPE, "wide": RECIPE, "ours": RECIPE},
        [0],
        tmp_path,
        console=Console(file=io.StringIO()),
        data=(images, np.arange(40) % 2),
        model=models,
        task=str,
        transforms={"wide": [abs]},
    )
    assert [(name, more["model"], more["transforms"]) for name, more in given] == [
        ("plain", models["plain"], ()),
        ("wide", models["wide"], [abs]),
        ("ours", None, ()),
    ]
    assert len({id(more["data"]) for _, more in given}) == 1
    assert all(more["task"] is str for _, more in given)
    with pytest.raises(UserError, match="model is given for 'plian'; did you mean 'plain'?"):
        sweep({"plain": RECIPE}, [0], tmp_path, model={"plian": nn.Dense(1)})
