"""Weights of the Hub: what a run started from is known, and what their owner changes later, changes
nothing of it."""

import hashlib
import io
import json
from dataclasses import replace

import huggingface_hub.constants
import numpy as np
import pytest
from rich.console import Console

from jaxcnn.errors import UserError
from jaxcnn.evaluate.evaluation import evaluate_run
from jaxcnn.recipe import Augment, Mesh, Optim, recipe_for
from jaxcnn.run.checkpoint import Checkpoints
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.pretrained import load_weights
from jaxcnn.train.fit import fit
from jaxcnn.weights.sources import read
from tests.hostile.conftest import within_limits
from tests.weights.test_sources import COMMIT, hub_cache, state_dict_of

NAME = "linear"
OTHER = "f" * 40


def config(mean=0.5):
    return {"pretrained_cfg": {"mean": [mean], "std": [0.25], "input_size": [1, 28, 28]}}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    folder = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return folder


def test_a_revision_is_a_branch_a_tag_or_a_commit(hub):
    first, second = state_dict_of(NAME), {k: v + 1 for k, v in state_dict_of(NAME).items()}
    hub_cache(hub, "a/b", config(), first, revision="v1")
    hub_cache(hub, "a/b", config(0.1), second, commit=OTHER)
    for source, weights, mean in (
        ("hf:a/b", second, 0.1),
        ("hf:a/b@main", second, 0.1),
        ("hf:a/b@v1", first, 0.5),
        (f"hf:a/b@{COMMIT}", first, 0.5),
    ):
        found = read(NAME, source)
        assert all(np.array_equal(found.state_dict[key], weights[key]) for key in weights)
        assert found.preprocessing.mean == (mean,)
        assert found.origin is not None
        assert found.origin.commit == (OTHER if mean == 0.1 else COMMIT)
    with pytest.raises(UserError, match="hf:a/b@v2 is not in the Hub's cache"):
        read(NAME, "hf:a/b@v2")
    with pytest.raises(UserError, match="give hf:timm/NAME or hf:timm/NAME@REVISION"):
        read(NAME, "hf:a/b/c@v2")


def digits_recipe(source):
    recipe = recipe_for(NAME, "digits")
    return replace(
        recipe,
        pretrained=source,
        steps=6,
        checkpoint_every_steps=3,
        batch_size=64,
        optim=Optim("adamw", lr=1e-3),
        augment=Augment(),
        mesh=Mesh(data=1),
    )


def run(recipe, folder):
    printed = io.StringIO()
    summary = fit(recipe, folder, console=Console(file=printed, width=200))
    return summary, printed.getvalue()


def test_the_run_keeps_what_it_started_from_and_says_so(hub, tmp_path):
    hub_cache(hub, "a/b", config(), state_dict_of(NAME))
    _, printed = run(digits_recipe("hf:a/b@main"), tmp_path / "run")
    kept = json.loads((tmp_path / "run/data.json").read_text())["weights"]
    snapshot = hub / "models--a--b/snapshots" / COMMIT
    assert kept["source"] == "hf:a/b@main" and kept["commit"] == COMMIT
    assert kept["sha256"] == {
        name: hashlib.sha256((snapshot / name).read_bytes()).hexdigest()
        for name in ("config.json", "model.safetensors")
    }
    assert f"starting from hf:a/b@main (commit {COMMIT[:12]}, SHA-256 " in printed


def test_what_the_owner_uploads_later_changes_nothing_of_a_run(hub, tmp_path):
    """Neither its evaluation, nor what it goes on with from a checkpoint."""
    hub_cache(hub, "a/b", config(), state_dict_of(NAME))
    recipe = digits_recipe("hf:a/b")
    whole, _ = run(recipe, tmp_path / "whole")
    run(replace(recipe, steps=3), tmp_path / "half")
    hub_cache(hub, "a/b", config(0.0), state_dict_of("mlp"), commit=OTHER)
    figures = evaluate_run(tmp_path / "whole")
    assert figures["top1"] == whole["test"]["top1"] and figures["loss"] == whole["test"]["loss"]
    # As if it had been killed at its third step of six.
    (tmp_path / "half/summary.json").unlink()
    part = RunFolder(tmp_path / "half")
    values = json.loads((part.path / "recipe.json").read_text())
    (part.path / "recipe.json").write_text(json.dumps({**values, "steps": 6}))
    data = json.loads((part.path / "data.json").read_text())
    with Checkpoints(part.checkpoints, read_only=True) as checkpoints:
        assert checkpoints.latest_step() == 3
    summary, printed = run(recipe, part.path)
    assert "going on from step 3" in printed and "starting from" not in printed
    assert json.loads((part.path / "data.json").read_text())["weights"] == data["weights"]
    assert json.loads((part.path / "data.json").read_text())["input"] == data["input"]
    assert summary["test"]["n"] == whole["test"]["n"]


WRONG = {
    "null": None,
    "a text": "x\x1b[31m\n",
    "a number": 7.5,
    "negative": [-1.0],
    "NaN": [float("nan")],
    "infinite": [float("inf")],
    "huge": [10**400],
    "huge alone": 10**400,
    "an object": {"a": 1},
    "nested": [[1], None],
    "a million": [0.5] * 1_000_001,
    "true": True,
}


@pytest.mark.parametrize("field", ["mean", "std", "input_size", "crop_pct", "interpolation"])
@pytest.mark.parametrize("kind", WRONG)
def test_a_setting_that_is_none_is_one_line(hub, field, kind):
    values = config()["pretrained_cfg"] | {field: WRONG[kind]}
    hub_cache(hub, "a/b", {"pretrained_cfg": values}, state_dict_of(NAME))
    try:
        with within_limits():
            preprocessing = read(NAME, "hf:a/b").preprocessing
    except UserError as error:
        assert field in str(error) and "hf:a/b" in str(error)
        assert "\n" not in str(error) and "\x1b" not in str(error) and len(str(error)) < 300
    else:
        assert kind == "null" or field == "interpolation" or (field, kind) == ("mean", "negative")
        assert preprocessing.image_size in (28, None)


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{", '{"pretrained_cfg": 5}', '{"a":' * 100_000, "9" * 5000]
)
def test_a_config_that_is_none_is_one_line(hub, text):
    hub_cache(hub, "a/b", {}, state_dict_of(NAME))
    (hub / "models--a--b/snapshots" / COMMIT / "config.json").write_text(text)
    with within_limits(), pytest.raises(UserError) as error:
        load_weights(NAME, "hf:a/b")
    assert "config.json of hf:a/b" in str(error.value) and "\n" not in str(error.value)
