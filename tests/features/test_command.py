"""The command line as a person types it."""

import builtins
import json
from itertools import product

import cv2
import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

import jaxcnn
from jaxcnn.data import dataset_spec, load_split
from jaxcnn.features.command import main
from jaxcnn.models import create_model
from jaxcnn.models.spec import init_variables
from jaxcnn.probes.nearest import nearest, neighbours_for
from jaxcnn.recipe import Mesh, Recipe
from jaxcnn.train.fit import fit
from jaxcnn.weights import to_torch


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    fit(Recipe("linear", steps=2, batch_size=100, image_size=8, mesh=Mesh(data=1)), folder)
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two classes in three splits, some dark and some light."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    splits = ("train", 6), ("val", 4), ("test", 5)
    for (split, number), (level, name) in product(splits, ((40, "dark"), (170, "light"))):
        (folder / split / name).mkdir(parents=True)
        for index in range(number):
            picture = rng.integers(level, level + 60, size=(12, 14, 3), dtype=np.uint8)
            cv2.imwrite(str(folder / split / name / f"{index}.png"), picture)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory, resnet4):
    """Of another number of classes than the photographs have."""
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    model = create_model(resnet4, num_classes=7)
    shapes = jax.eval_shape(lambda key: init_variables(model, key, (32, 32), 3), jax.random.key(1))
    rng = np.random.default_rng(1)
    variables = jax.tree.map(
        lambda leaf: rng.normal(size=leaf.shape).astype(np.float32) * 0.1 + (leaf.ndim == 1), shapes
    )
    save_file(to_torch(resnet4, variables), path)
    return path


def features(capsys, *args):
    """(exit status, what is printed, what is said)."""
    status = main([*map(str, args), "--no-compilation-cache"])
    printed = capsys.readouterr()
    return status, json.loads(printed.out) if printed.out else None, printed.err


def test_a_runs_features_are_those_of_its_classifier_for_each_split(run, tmp_path, capsys):
    status, printed, _ = features(capsys, f"--workdir={run}", f"--output={tmp_path / 'f.npz'}")
    assert status == 0
    kept = np.load(tmp_path / "f.npz")
    assert kept["features"].shape == (1797, printed["channels"])
    assert kept["features"].dtype == np.float32
    numbers = {name: int((kept["split"] == name).sum()) for name in ("train", "val", "test")}
    assert numbers == printed["n"]
    of_test = kept["split"] == "test"
    assert kept["index"][of_test].tolist() == list(range(360))
    source = load_split(dataset_spec("digits"), "test")
    assert kept["label"][of_test].tolist() == source.labels.tolist()
    images = np.stack([source[index]["image"] for index in range(9)])
    expected = jaxcnn.load(run).features(images)
    assert kept["features"][of_test][:9] == pytest.approx(expected, rel=1e-4, abs=1e-5)
    # Nothing was measured.
    assert "features" not in (run / "test_uses.jsonl").read_text()


def test_a_probe_of_a_run_is_noted_as_a_use_of_its_test_split(run, tmp_path, capsys):
    out = tmp_path / "f.npz"
    status, printed, said = features(capsys, f"--workdir={run}", "--probe=knn", f"--output={out}")
    assert status == 0 and "was measured once before" in said
    assert (run / "test_uses.jsonl").read_text().count("jaxcnn.features") == 1
    kept = np.load(out)
    train, test = (
        [kept[name][kept["split"] == split] for name in ("features", "label")]
        for split in ("train", "test")
    )
    k = neighbours_for(train[1])
    right = nearest(*train, test[0], 10, k=k).argmax(-1) == test[1]
    assert printed["k"] == k and printed["test"]["top1"] == pytest.approx(right.mean())
    low, high = printed["test"]["intervals"]["top1"]
    assert low < printed["test"]["top1"] < high and printed["test"]["top1"] > 0.5


def test_weights_of_other_classes_are_probed_with_few_shots_too(weights, photos, capsys):
    args = ["--arch=resnet4", f"--pretrained={weights}", f"--data-dir={photos}"]
    args += ["--image-size=12", "--probe=linear", "--shots=1,4", "--draws=3"]
    status, printed, _ = features(capsys, *args)
    assert status == 0
    assert printed["n"] == {"train": 12, "val": 8, "test": 10}
    assert printed["test"]["top1"] > 0.8 and printed["C"] > 0
    assert [(one["shots"], one["draws"]) for one in printed["shots"]] == [(1, 3), (4, 3)]
    status, _, error = features(capsys, *args, "--shots=7")
    assert status == 2 and "dark has 6 training images, fewer than 7 shots" in error


def test_pictures_of_a_folder_are_without_labels_at_another_stage(
    weights, photos, tmp_path, capsys
):
    args = ["--arch=resnet4", f"--pretrained={weights}", "--image-size=12", photos / "val"]
    status, printed, _ = features(capsys, *args, "--stage=stage1", f"--output={tmp_path / 'f.npz'}")
    assert status == 0 and printed["n"] == {"pictures": 8} and printed["channels"] == 16
    kept = np.load(tmp_path / "f.npz")
    assert sorted(kept) == ["features", "path", "split"]
    assert kept["path"].tolist() == sorted(map(str, (photos / "val").rglob("*.png")))
    clf = jaxcnn.load(weights, arch="resnet4", image_size=12)
    expected = clf.features(photos / "val", stage="stage1")
    assert kept["features"] == pytest.approx(expected, rel=1e-4, abs=1e-5)
    status, _, error = features(capsys, *args, "--stage=stage7", f"--output={tmp_path / 'f.npz'}")
    assert status == 2 and "has no stage 'stage7'; it has " in error and error.count("\n") == 1


def test_without_pyarrow_a_parquet_file_is_refused_before_the_work(
    run, tmp_path, capsys, monkeypatch
):
    imported = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    status, _, error = features(capsys, f"--workdir={run}", f"--output={tmp_path / 'f.parquet'}")
    assert status == 2 and "needs pyarrow: pip install pyarrow" in error
    assert error.count("\n") == 1 and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--probe=knn"], "give either --workdir=DIR, or --arch=NAME and --pretrained=SOURCE"),
        (["--workdir=/nowhere"], "give --output=FILE or --probe"),
        (["--workdir=/nowhere", "--output=f.csv"], "is no .npz or .parquet file"),
        (["--workdir=/nowhere", "--output=f.npz", "--splits=tests"], "--splits has 'tests'"),
        (["--workdir=/nowhere", "--output=f.npz"], "/nowhere is not a run's folder"),
        (["--workdir=/nowhere", "--probe=knn", "a.png"], "needs pictures whose classes are known"),
        (["--workdir=/nowhere", "--probe=knn", "--splits=test"], "leave --splits out"),
        (["--workdir=/nowhere", "--output=f.npz", "--shots=1"], "--shots is for a probe"),
        (["--workdir=/nowhere", "--probe=knn", "--shots=1,x"], "--shots has 'x'"),
        (["--workdir=/nowhere", "--probe=knn", "--draws=0"], "--draws=0 is out of range"),
    ],
)
def test_wrong_input_exits_2_with_one_line(args, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, printed, error = features(capsys, *args)
    assert (status, printed) == (2, None)
    assert message in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())
