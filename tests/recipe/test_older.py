"""Runs that an older version made: their recipe.json as it wrote it, and this version started."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from jaxcnn.errors import Interrupted, UserError
from jaxcnn.recipe import Augment, Mesh, Optim, Recipe, differences, from_json, other_sizes, to_json
from jaxcnn.train import command as train
from jaxcnn.train.fit import fit
from tests.train.stops import at_look

# 1,257 training images: 9 steps an epoch.
# By the host, so that a run can be stopped at each step.
RECIPE = Recipe(
    "mlp", epochs=1, batch_size=128, image_size=8, mesh=Mesh(data=1), data_on_device="no"
)
MUON = replace(RECIPE, optim=Optim("muon", lr=0.02))
WEIGHTED = replace(
    RECIPE,
    epochs=2,
    optim=Optim("sgd", lr=0.01),
    class_weights="balanced",
    checkpoint_every_steps=4,
)


def fitted(recipe, folder, **options):
    printed = io.StringIO()
    summary = fit(recipe, folder, console=Console(file=printed, width=300), **options)
    return summary, printed.getvalue()


def interrupted(recipe, folder):
    with pytest.raises(Interrupted, match="stopped at step 5 "):
        fitted(recipe, folder, stop_when_asked=at_look(6))


def as_then(folder):
    """Rewrites recipe.json as it was before Muon had a rate of its own for what is no matrix."""
    path = folder / "recipe.json"
    values = json.loads(path.read_text())
    del values["optim"]["adam_lr"]
    values["optim"]["momentum"] = 0.9 if values["optim"]["momentum"] is None else None
    path.write_text(json.dumps(values))


def files_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("asked", [MUON, replace(MUON, optim=Optim("muon", lr=0.02, adam_lr=5e-3))])
def test_a_finished_run_of_an_older_muon_is_shown_as_finished(tmp_path, asked):
    summary, _ = fitted(MUON, tmp_path)
    as_then(tmp_path)
    before = files_of(tmp_path)
    shown, printed = fitted(asked, tmp_path)
    assert shown == summary and files_of(tmp_path) == before
    assert "a run of an older version, whose muon moved all parameters at one rate" in printed


def test_the_same_command_shows_a_finished_run_of_an_older_muon(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    flags = ["--arch=mlp", "--steps=2", "--optim.name=muon", "--no-compilation-cache"]
    assert train.main(flags) == 0
    as_then(tmp_path / "runs" / "mlp-digits-s0")
    capsys.readouterr()
    assert train.main([*flags, "--workdir=runs/mlp-digits-s0"]) == 0
    assert "finished: 266,610 parameters, 2 steps" in capsys.readouterr().err


def test_of_a_run_of_an_older_muon_other_flags_are_still_refused(tmp_path):
    fitted(MUON, tmp_path)
    as_then(tmp_path)
    with pytest.raises(UserError, match=r"another recipe \(--seed: 0 != 1\)"):
        fitted(replace(MUON, seed=1), tmp_path)
    with pytest.raises(UserError, match=r"another recipe \(--optim.momentum: 0.9 != 0.8\)"):
        fitted(replace(MUON, optim=Optim("muon", lr=0.02, momentum=0.8)), tmp_path)


@pytest.mark.parametrize("extend", [False, True])
def test_an_older_muon_does_not_go_on_and_its_run_is_left_as_it_is(tmp_path, extend):
    if extend:
        fitted(MUON, tmp_path)
    else:
        interrupted(MUON, tmp_path)
    as_then(tmp_path)
    before = files_of(tmp_path)
    with pytest.raises(UserError) as error:
        fitted(replace(MUON, epochs=2) if extend else MUON, tmp_path, extend=extend)
    told = str(error.value)
    assert "whose muon moved all parameters at one rate (--optim.adam-lr is newer)" in told
    assert "begin again in another --workdir" in told and "\n" not in told
    assert files_of(tmp_path) == before


@pytest.mark.parametrize("name", ["sgd", "rmsprop"])
def test_the_momentum_that_stands_by_default_is_not_another_when_typed(name):
    recipe = replace(RECIPE, optim=Optim(name))
    older = to_json(replace(RECIPE, optim=Optim(name, momentum=0.9)))
    del older["optim"]["adam_lr"]
    for momentum in (None, 0.9):
        typed = replace(recipe, optim=Optim(name, momentum=momentum))
        assert not differences(from_json(older), typed)
    typed = replace(recipe, optim=Optim(name, momentum=0.8))
    assert differences(from_json(older), typed) == ["--optim.momentum: 0.9 != 0.8"]
    assert not differences(
        replace(recipe, optim=Optim("muon")), replace(recipe, optim=Optim("muon", momentum=0.95))
    )


def test_a_typed_default_momentum_resumes_a_run_of_an_older_version(tmp_path):
    recipe = replace(RECIPE, optim=Optim("sgd", lr=0.01), checkpoint_every_steps=4)
    whole, _ = fitted(recipe, tmp_path / "whole")
    interrupted(recipe, tmp_path / "run")
    as_then(tmp_path / "run")
    typed = replace(recipe, optim=Optim("sgd", lr=0.01, momentum=0.9))
    resumed, printed = fitted(typed, tmp_path / "run")
    assert "going on from step 5" in printed
    assert (resumed["val"], resumed["test"]) == (whole["val"], whole["test"])


def changed(folder):
    return json.loads((folder / "data.json").read_text())["changed"]


def test_a_run_whose_class_weights_counted_otherwise_says_so_from_where_it_goes_on(tmp_path):
    interrupted(WEIGHTED, tmp_path)
    assert changed(tmp_path) == []
    as_then(tmp_path)
    interrupted_again = replace(WEIGHTED, workers=0)
    printed = io.StringIO()
    console = Console(file=printed, width=300)
    with pytest.raises(Interrupted):
        fit(interrupted_again, tmp_path, console=console, stop_when_asked=at_look(3))
    (line,) = changed(tmp_path)
    assert line == (
        "from step 5 on --class-weights=balanced counts in the training loss as in PyTorch's "
        "CrossEntropyLoss, not as in the version that began the run"
    )
    assert line in printed.getvalue()
    _, printed = fitted(WEIGHTED, tmp_path)
    assert line in printed and changed(tmp_path) == [line]


@pytest.mark.parametrize(
    "recipe",
    [
        replace(WEIGHTED, class_weights="none"),
        replace(WEIGHTED, augment=Augment(mixup=0.2)),
    ],
    ids=["without weights", "mixed, without smoothing"],
)
def test_a_run_whose_loss_is_the_same_says_nothing(tmp_path, recipe):
    interrupted(recipe, tmp_path)
    as_then(tmp_path)
    _, printed = fitted(recipe, tmp_path)
    assert "older version" not in printed and "the version that began" not in printed
    assert changed(tmp_path) == []


GROWING = Recipe("resnet20", image_size=32, augment=Augment(progressive_size=16))


@pytest.mark.parametrize(
    ("recipe", "older", "says"),
    [
        (GROWING, True, True),
        (GROWING, False, False),
        (replace(GROWING, image_size=48), True, False),
        (replace(GROWING, augment=Augment()), True, False),
    ],
)
def test_of_images_that_grew_by_larger_steps_it_is_said(recipe, older, says):
    values = to_json(recipe)
    if older:
        del values["augment"]["flip_alternates"]
    line = other_sizes(values, recipe)
    assert (line is not None) == says
    assert line is None or line.startswith("images grow to 32 pixels by fours, not by sixteens")
