import csv
import io
from dataclasses import replace
from itertools import product

import cv2
import jax
import numpy as np
import pytest
from rich.console import Console
from safetensors.numpy import save_file

from experiments import (
    cifar10_speedrun,
    explanations_checked,
    fine_tuning,
)
from jaxcnn.models import create_model
from jaxcnn.models.spec import init_variables
from jaxcnn.recipe import Mesh, recipe_for
from jaxcnn.weights import to_torch


def quiet():
    return Console(file=io.StringIO())


def test_fine_tuning_fills_its_table_from_pictures_that_no_two_splits_share(
    tmp_path, monkeypatch, resnet4
):
    some = {name: fine_tuning.RUNS[name] for name in ("frozen-norms", "head")}
    monkeypatch.setattr(fine_tuning, "RUNS", some)
    model = create_model(resnet4, num_classes=10)
    init = jax.jit(lambda key: init_variables(model, key, (8, 8), 3))
    save_file(to_torch(resnet4, init(jax.random.key(0))), tmp_path / "w.safetensors")
    options = fine_tuning.Options(
        pretrained=str(tmp_path / "w.safetensors"),
        arch=resnet4,
        dataset="digits",
        steps=1,
        seeds=1,
        workdir=str(tmp_path / "runs"),
    )
    table = fine_tuning.experiment(options, quiet())
    assert len(table.rows) == 2
    pictures = tmp_path / "runs" / "pictures"
    number = {split: len(list(pictures.glob(f"{split}/*/*.png"))) for split in ("train", "val")}
    assert number == {"train": 80, "val": 80}
    files = [path.read_bytes() for path in pictures.glob("[tv][ra]*/*/*.png")]
    assert len(set(files)) == len(files) == 160


def test_what_fine_tuning_does_by_default_is_one_of_those_that_are_compared(monkeypatch):
    monkeypatch.setattr("jaxcnn.recipe.defaults.num_train_if_small", lambda *args: 80)
    default = recipe_for("efficientnet_lite0", "image_folder", "photos", pretrained="w.pth")
    assert (default.finetune, default.optim.lr) in fine_tuning.RUNS.values()


def test_cifar10_speedrun_fills_its_table_and_says_what_was_reached(tmp_path, monkeypatch):
    """By a small network, on a few pictures that a colour tells apart."""
    colours = {"blue": (250, 50, 50), "red": (50, 50, 250)}
    for split, name, shade in product(("train", "val", "test"), colours, range(4)):
        path = tmp_path / split / name / f"{shade}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((32, 32, 3), colours[name], np.uint8) - np.uint8(shade))
    published = cifar10_speedrun.recipe
    small = {"arch": "linear", "dataset": "image_folder", "batch_size": 4, "mesh": Mesh(data=1)}
    monkeypatch.setattr(
        cifar10_speedrun, "recipe", lambda *args: replace(published(*args), **small)
    )
    options = cifar10_speedrun.Options(
        data_dir=str(tmp_path), epochs=(1, 2), seeds=1, workdir=str(tmp_path / "runs")
    )
    table = cifar10_speedrun.experiment(options, quiet())
    assert list(table.columns[0].cells) == ["1", "2"]
    assert list(table.columns[1].cells)[1].startswith("1.0000 ±")
    assert cifar10_speedrun.training_seconds(tmp_path / "runs" / "2" / "s0", batch_size=4) > 0
    assert "0.94 in" in table.caption


def test_a_speedrun_in_smaller_batches_has_rates_by_the_root_and_by_default_the_published_ones():
    published = recipe_for("airbench94", "cifar10", recipe="airbench94")
    options = cifar10_speedrun.Options()
    assert cifar10_speedrun.recipe(options, 9).optim == published.optim
    smaller = cifar10_speedrun.recipe(replace(options, batch_size=500), 9).optim
    assert (smaller.lr, smaller.adam_lr) == (published.optim.lr / 2, published.optim.adam_lr / 2)


def test_a_speedrun_says_the_shortest_length_that_reaches_a_target():
    means = {"4": 0.91, "6": 0.939, "9": 0.94}
    assert cifar10_speedrun.reached(0.90, means) == "0.90 in 4 epochs"
    assert cifar10_speedrun.reached(0.94, means) == "0.94 in 9 epochs"
    assert cifar10_speedrun.reached(0.95, means) == "0.95 is not reached"


def test_explanations_checked_fills_its_table_and_files(tmp_path, resnet4):
    """On pictures of noise, by a network before training."""
    rng = np.random.default_rng(0)
    for index in range(5):
        (tmp_path / "photos" / str(index)).mkdir(parents=True)
        picture = rng.integers(256, size=(32, 40, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "photos" / str(index) / "1.png"), picture)
    model = create_model(resnet4, num_classes=10)
    init = jax.jit(lambda key: init_variables(model, key, (32, 32), 3))
    save_file(to_torch(resnet4, init(jax.random.key(0))), tmp_path / "w.safetensors")
    options = explanations_checked.Options(
        data_dir=str(tmp_path / "photos"),
        pretrained=str(tmp_path / "w.safetensors"),
        arch=resnet4,
        count=5,
        steps=2,
        methods=("grad_cam", "attention_rollout", "occlusion"),
        output=str(tmp_path / "out"),
    )
    table = explanations_checked.experiment(options, quiet())
    assert list(table.columns[0].cells) == ["grad_cam", "occlusion"]
    assert "attention rollout needs a Vision Transformer's attention" in table.caption
    with (tmp_path / "out" / "explanations.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows] == ["grad_cam"] * 5 + ["occlusion"] * 5
    # A photograph's random order is the same whatever it is compared with.
    of_random = [row["random_deletion"] for row in rows]
    assert of_random[:5] == of_random[5:] and len(set(of_random)) == 5
    lines = (tmp_path / "out" / "explanations.md").read_text().splitlines()
    assert len(lines) == 4 and {line.count("|") for line in lines} == {12}


def test_a_pixel_gets_the_mean_of_the_squares_that_covered_it():
    drops = np.arange(169.0).reshape(13, 13)
    images = np.zeros((1, 16, 16, 3))  # Squares of 4 pixels, a pixel apart.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explanations_checked.explain, "occlusion", lambda *args: drops[None])
        found = explanations_checked.by_squares(None, {}, images, None)[0]
    covering = [drops[i, j] for i in range(13) for j in range(13) if i <= 5 < i + 4 and j == 0]
    assert float(found[5, 0]) == pytest.approx(np.mean(covering))
