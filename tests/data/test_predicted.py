"""What predict says of a test split's files is what evaluate counts, whatever the run is of."""

import io
from dataclasses import replace

import cv2
import jax
import numpy as np
import pytest
from rich.console import Console
from safetensors.numpy import save_file

from jaxcnn.data import dataset_at, load_split
from jaxcnn.data.preprocessing import IMAGENET
from jaxcnn.engine.feed import Feed
from jaxcnn.evaluate.evaluation import evaluate_run
from jaxcnn.models import create_model
from jaxcnn.models.spec import init_variables
from jaxcnn.predict.prediction import Prediction, classify
from jaxcnn.recipe import Mesh, Optim, Recipe
from jaxcnn.train.fit import fit
from jaxcnn.trained.classifier import classifier_of_run
from jaxcnn.weights import to_torch

RNG = np.random.default_rng(0)


@pytest.fixture
def data_dir(tmp_path, write_tfds):
    """Photographs in colour and of many sizes, and a set of grey images of 12x12 pixels."""
    for label, name in enumerate(("ant", "bee")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(15):
            shape = *RNG.integers(24, 40, size=2), 3
            picture = RNG.integers(120 * label, 120 * label + 136, size=shape, dtype=np.uint8)
            cv2.imwrite(str(tmp_path / "photos" / name / f"{number}.png"), picture)
    images = RNG.integers(256, size=(160, 12, 12, 1), dtype=np.uint8)
    labels = np.arange(160) % 10
    splits = {"train": (images[:120], labels[:120]), "test": (images[120:], labels[120:])}
    write_tfds(tmp_path / "prepared", "grey", splits)
    return {
        "image_folder": str(tmp_path / "photos"),
        "tfds:grey": str(tmp_path / "prepared"),
        "digits": None,
    }


@pytest.mark.parametrize(
    ("dataset", "arch", "pretrained", "values"),
    [
        ("image_folder", "linear", False, {"resize": "crop", "image_size": 16, "eval_crop": 0.5}),
        ("image_folder", "linear", False, {"resize": "interpolate", "image_size": 16}),
        (
            "image_folder",
            "resnet4",
            True,
            {"resize": "crop", "image_size": 16, "eval_image_size": 24, "eval_crop": 0.6},
        ),
        ("tfds:grey", "resnet4", False, {"resize": "interpolate", "image_size": 16}),
        ("tfds:grey", "resnet4", True, {"resize": "interpolate", "image_size": 16}),
        ("tfds:grey", "linear", False, {"resize": "crop", "image_size": 8, "eval_crop": 0.9}),
        ("digits", "linear", False, {"resize": "pad", "image_size": 12}),
    ],
)
def test_predictions_of_a_runs_test_files_are_what_evaluate_counts(
    tmp_path, data_dir, monkeypatch, resnet4, dataset, arch, pretrained, values
):
    """Weights to start from bring a mean, a size and a crop of their own."""
    recipe = Recipe(
        arch,
        dataset,
        data_dir=data_dir[dataset],
        steps=1,
        batch_size=8,
        optim=Optim("sgd", lr=1e-3),
        mesh=Mesh(data=1),
        **values,
    )
    data = dataset_at(dataset, data_dir[dataset])
    if pretrained:
        channels = Feed(recipe).input.channels
        model = create_model(arch, num_classes=data.num_classes)
        size = (recipe.image_size, recipe.image_size)
        variables = jax.jit(lambda key: init_variables(model, key, size, channels))(
            jax.random.key(1)
        )
        save_file(to_torch(arch, variables), tmp_path / "w.safetensors")
        recipe = replace(recipe, pretrained=str(tmp_path / "w.safetensors"))
    summary = fit(recipe, tmp_path / "run", console=Console(file=io.StringIO()))
    if pretrained:
        (tmp_path / "w.safetensors").unlink()

    test = load_split(data, "test", data_dir[dataset])
    paths = [tmp_path / "test" / f"{index:03}.png" for index in range(len(test))]
    (tmp_path / "test").mkdir()
    for index, path in enumerate(paths):
        cv2.imwrite(str(path), np.flip(test[index]["image"], -1))
    evaluated = evaluate_run(tmp_path / "run")
    assert {name: evaluated[name] for name in summary["test"]} == pytest.approx(summary["test"])

    # Its folder is enough: neither the data nor another directory to work in changes a thing.
    monkeypatch.setattr("jaxcnn.run.pretrained.dataset_at", None)
    monkeypatch.chdir(tmp_path / "test")
    classifier = classifier_of_run(tmp_path / "run")
    predictions = [p for p in classify(classifier, paths) if isinstance(p, Prediction)]
    chances = np.stack([prediction.probabilities for prediction in predictions])
    right = np.mean(chances.argmax(-1) == test.labels)
    loss = -np.log(chances[np.arange(len(test)), test.labels]).mean()
    assert (len(predictions), right) == (evaluated["n"], pytest.approx(evaluated["top1"]))
    assert loss == pytest.approx(evaluated["loss"], rel=1e-4)
    assert classifier.class_names == data.class_names


def test_a_crop_that_is_asked_for_counts_and_else_that_of_the_weights(data_dir):
    recipe = Recipe("resnet20", "image_folder", data_dir=data_dir["image_folder"], batch_size=8)
    weights = Feed(recipe).input.preprocessing
    weights = replace(weights, crop_fraction=0.95, interpolation="bilinear", mean=IMAGENET[1])
    asked = Feed(replace(recipe, eval_crop=0.8), weights).input
    assert (asked.crop_fraction, asked.interpolation, asked.mean) == (0.8, "bilinear", IMAGENET[1])
    assert Feed(recipe, weights).input.crop_fraction == 0.95
    assert Feed(recipe).input.crop_fraction == 0.875
