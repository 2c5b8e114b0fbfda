"""`~` is a home directory wherever a path is given."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from jaxcnn.command import cli
from jaxcnn.data import dataset_at
from jaxcnn.data.sources.picture_files import find_pictures
from jaxcnn.data.sources.tfds import resolve_data_dir
from jaxcnn.errors import UserError
from jaxcnn.files import paths
from jaxcnn.predict import command as predict
from jaxcnn.run.folder import RunFolder
from jaxcnn.train.command import main
from jaxcnn.weights.sources import read


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    home = tmp_path / "home"
    for name in ("ant", "bee"):
        (home / "photos" / name).mkdir(parents=True)
        for number in range(10):
            picture = np.full((8, 8, 3), 20 * number, np.uint8)
            cv2.imwrite(str(home / "photos" / name / f"{number}.png"), picture)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return home


def test_flags_and_arguments_that_are_paths_may_begin_with_it(home):
    assert RunFolder("~/runs/x").path == home / "runs/x"
    assert resolve_data_dir("~/sets") == str(home / "sets")
    assert dataset_at("image_folder", "~/photos").class_names == ("ant", "bee")
    assert len(find_pictures(["~/photos"])) == 20
    assert cli.output_file("~/figures.json") == home / "figures.json"
    with pytest.raises(UserError, match=f"no weights at {home}/x.safetensors"):
        read("lenet5", "~/x.safetensors")
    options = predict.Options(output="~/drawn", explain="grad_cam")
    (drawing,) = predict.drawing_paths(options, [Path("a/b.png")]).values()
    assert drawing.parent == home / "drawn"


def test_a_command_makes_no_folder_of_that_name(home, tmp_path):
    assert main(["--arch=linear", "--steps=1", "--batch-size=8", "--workdir=~/run"]) == 0
    assert (home / "run" / "summary.json").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_without_a_home_the_path_is_refused_and_others_are_not(monkeypatch):
    monkeypatch.setattr(paths.os.path, "expanduser", lambda path: path)
    with pytest.raises(UserError, match="~/run is in a home directory, and this user has none"):
        RunFolder("~/run")
    assert paths.expanded("gs://bucket/~x") == "gs://bucket/~x"
    assert paths.expanded("~backup.png") == "~backup.png"
