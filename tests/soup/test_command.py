"""Two runs that began alike, averaged: a folder that other commands take as a run's."""

import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from jaxcnn.data import load_split
from jaxcnn.errors import UserError
from jaxcnn.evaluate import command as evaluate
from jaxcnn.recipe import Mesh, Optim, Recipe
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.pretrained import load_weights
from jaxcnn.run.run_data import Examples
from jaxcnn.soup import command
from jaxcnn.soup.cook import ingredient, other_starts, refuse_other
from jaxcnn.train.fit import fit
from jaxcnn.weights.origin import Origin

RECIPE = Recipe("linear", epochs=1, batch_size=256, image_size=8, mesh=Mesh(data=1), test=False)


def fitted(recipe, folder):
    return fit(recipe, folder, console=Console(file=io.StringIO()))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folders = [str(tmp_path_factory.mktemp(name)) for name in ("slow", "fast")]
    for folder, lr in zip(folders, (0.02, 0.1), strict=True):
        fitted(replace(RECIPE, optim=Optim(lr=lr)), folder)
    return folders


@pytest.fixture
def test_split_stays_shut(monkeypatch):
    def load(data, split, place):
        assert split != "test"
        return load_split(data, split, place)

    monkeypatch.setattr("jaxcnn.trained.subject.load_split", load)


def test_the_average_is_a_runs_folder_to_other_commands(
    runs, test_split_stays_shut, tmp_path, capsys
):
    soup = str(tmp_path / "soup")
    assert command.main([*runs, f"--output={soup}", "--average=uniform"]) == 0
    told = capsys.readouterr()
    printed = json.loads(told.out)
    assert printed == json.loads((tmp_path / "soup" / "soup.json").read_text())
    assert [run["used"] for run in printed["runs"]] == [True, True]
    assert all("SHA-256" in run["read_from"] for run in printed["runs"])
    assert "did not begin" not in told.err
    one, two, mean = (load_weights("linear", place) for place in (*runs, soup))
    kernel = mean["params"]["head"]["kernel"]
    expected = (one["params"]["head"]["kernel"] + two["params"]["head"]["kernel"]) / 2
    np.testing.assert_allclose(kernel, expected, rtol=1e-5, atol=1e-7)
    of_average = printed["averages"]["uniform"]
    for source in (
        [f"--workdir={soup}"],
        ["--arch=linear", f"--pretrained={soup}", "--dataset=digits", "--image-size=8"],
    ):
        assert evaluate.main([*source, "--split=val"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["top1"] == of_average["top1"] and found["n"] == of_average["n"]
        assert found["loss"] == pytest.approx(of_average["loss"], rel=1e-5)
    with pytest.raises(UserError, match="an average of runs, which is not gone on with"):
        fitted(RunFolder(soup).read_recipe(), soup)
    assert not RunFolder(soup).read_test_uses()


def test_runs_that_began_otherwise_are_said_and_others_refused(runs):
    one, two = map(ingredient, runs)
    assert other_starts([one, two]) == []
    drawn = replace(two, recipe=replace(two.recipe, seed=1))
    assert "did not begin from the same weights (seeds 0 and 1)" in other_starts([one, drawn])[0]
    begun = [
        replace(
            each, recipe=replace(each.recipe, seed=seed), data=replace(each.data, weights=origin)
        )
        for each, seed, origin in (
            (one, 0, Origin("a", None, {"a": "12"})),
            (two, 1, Origin("copy", None, {"copy": "12"})),
            (two, 0, Origin("b", None, {"b": "34"})),
        )
    ]
    (of_head, of_weights) = other_starts(begun)
    assert "but for a head" in of_head and "SHA-256 34 of b" in of_weights
    splits = {**two.data.splits, "val": Examples(180, "other")}
    others = {
        "architectures (linear and mlp)": replace(two, recipe=replace(two.recipe, arch="mlp")),
        "validation images": replace(two, data=replace(two.data, splits=splits)),
        "inputs": replace(two, data=replace(two.data, input=replace(two.data.input, std=(0.5,)))),
    }
    for what, other in others.items():
        with pytest.raises(UserError, match=f"are runs of other {re.escape(what)}"):
            refuse_other(one, other)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["a", "--output=new"], "two runs or more"),
        (["a", "b", "./a", "--output=new"], "a is named twice"),
        (["a", "b", "--output=."], "--output=. is there already"),
        (["a", "b", "--output=new"], "is not a run's folder"),
    ],
)
def test_what_cannot_be_averaged_is_refused_in_a_line(args, message, capsys):
    assert command.main(args) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1
