"""The report on a data set: what was planted in it is found, counted, named and drawn."""

import json
import re

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from jaxcnn.data.inspect.command import main


def draw(seed):
    rng = np.random.default_rng(seed)
    blots = sum(s * gaussian_filter(rng.normal(size=(40, 48, 3)), (s, s, 0)) for s in (1, 3, 8))
    return np.clip(128 + 50 * blots / blots.std(), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A folder with 20 cats and 5 <b>dogs</b>, copies of training pictures in test, bad files."""
    root = tmp_path_factory.mktemp("photos")
    seed = 0
    for split, counts in {"train": (20, 5), "val": (4, 4), "test": (4, 4)}.items():
        for name, count in zip(("cat", "d<b>g"), counts, strict=True):
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                cv2.imwrite(str(root / split / name / f"{i}.png"), draw(seed))
                seed += 1
    test, train = root / "test" / "cat", root / "train" / "cat"
    (test / "0.png").write_bytes((train / "3.png").read_bytes())
    cv2.imwrite(str(test / "1.png"), cv2.add(cv2.imread(str(train / "5.png")), (9, 9, 9, 0)))
    (train / "8.png").write_bytes((train / "7.png").read_bytes())
    (train / "2.png").write_bytes(b"no picture")
    return root


@pytest.fixture(scope="module")
def report(planted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    args = ["--dataset=image_folder", f"--data-dir={planted}", f"--output={folder}"]
    assert main(args) == 0
    return folder


def test_planted_copies_are_listed_by_file_and_nothing_else_is(report, planted):
    found = json.loads((report / "inspect.json").read_text())
    shared = {tuple(entry["splits"]): entry for entry in found["shared"]}
    files = [planted / part for part in ("train/cat/3.png", "test/cat/0.png")]
    (exact,) = shared["train", "test"]["exact"]
    assert (exact["train"], exact["test"]) == tuple(map(str, files))
    files = [planted / part for part in ("train/cat/5.png", "test/cat/1.png")]
    (near,) = shared["train", "test"]["near"]
    assert (near["train"], near["test"]) == tuple(map(str, files))
    for splits in (("train", "val"), ("val", "test")):
        assert shared[splits]["exact"] == shared[splits]["near"] == []
    (copy,) = found["splits"]["train"]["copies"]
    assert copy["train (copy)"] == str(planted / "train" / "cat" / "8.png")


def test_balance_statistics_and_bad_files_are_those_of_the_splits(report, planted):
    found = json.loads((report / "inspect.json").read_text())
    train = found["splits"]["train"]
    assert (train["counts"], train["imbalance_ratio"]) == ([20, 5], 4)
    assert found["splits"]["val"]["normalized_entropy"] == pytest.approx(1)
    (bad,) = train["unreadable"]
    assert bad.startswith(str(planted / "train" / "cat" / "2.png"))
    files = [p for p in (planted / "train").rglob("*.png") if p.parts[-2:] != ("cat", "2.png")]
    pixels = np.stack([cv2.imread(str(path))[..., ::-1] for path in files]) / 255
    np.testing.assert_allclose(found["mean"], pixels.mean((0, 1, 2)), rtol=1e-9)
    np.testing.assert_allclose(found["std"], pixels.std((0, 1, 2)), rtol=1e-9)


def test_the_page_shows_pictures_that_are_there_and_not_blank(report):
    page = (report / "index.html").read_text()
    names = re.findall(r'<img src="([^"]+)"', page)
    assert set(names) == {
        "classes.png", "sizes.png", "samples.png", "augmented.png",
        "duplicates-train-test.png", "copies-train.png",
    }  # fmt: skip
    for name in names:
        assert cv2.imread(str(report / name)).std() > 5, f"{name} is blank"


def test_the_page_says_what_to_do_and_escapes_names(report):
    page = (report / "index.html").read_text()
    for text in ("Examples that cannot be read: 1.", "--on-error=skip", "--sampling=balanced",
                 "1 are in <bdi>train</bdi> pixel by pixel, 1 more nearly so",
                 "d&lt;b&gt;g"):  # fmt: skip
        assert text in page
    assert "d<b>g" not in page


def test_a_set_too_small_to_divide_is_looked_at_whole(tmp_path, capsys):
    for number, name in enumerate(("cat", "dog")):
        (tmp_path / "set" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "set" / name / "1.png"), draw(number))
    args = ["--dataset=image_folder", f"--data-dir={tmp_path / 'set'}"]
    assert main([*args, f"--output={tmp_path / 'out'}"]) == 0
    found = json.loads((tmp_path / "out" / "inspect.json").read_text())
    assert list(found["splits"]) == ["all"]
    assert "none falls to val" in found["note"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--dataset=mnits"], "did you mean 'mnist'"),
        (["--dataset=image_folder"], "--data-dir=DIR"),
        (["--dataset=mnist", "--data-dir=/nowhere"], "/nowhere"),
        (["--outptu=x"], "--outptu"),
    ],
)
def test_wrong_input_exits_2_with_one_line(args, message, capsys):
    assert main(args) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
