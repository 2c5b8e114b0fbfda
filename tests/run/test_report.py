import json
import warnings
from itertools import pairwise

import cv2
import numpy as np
import pytest
from sklearn.metrics import recall_score

from jaxcnn.data.spec import ArraySource
from jaxcnn.engine.evaluate import Evaluation
from jaxcnn.run.report import curves, mistakes, write_report

RNG = np.random.default_rng(0)
LINES = [
    {"epoch": epoch, "train_loss": 1.0, "val_loss": 1.1, "train_top1": 0.5, "val_top1": 0.4}
    for epoch in (1, 2)
]


def evaluation(num_classes, n=60, wrong=True):
    labels = np.arange(n) % num_classes
    predicted = RNG.permutation(labels) if wrong else labels
    return Evaluation({"top1": 0.0, "top5": 0.0, "loss": 0.0, "n": n}, labels, predicted)


@pytest.mark.parametrize(
    ("num_classes", "channels", "wrong"), [(3, 1, True), (3, 3, False), (30, 3, True)]
)
def test_every_picture_is_drawn(tmp_path, num_classes, channels, wrong):
    test = evaluation(num_classes, wrong=wrong)
    images = RNG.integers(0, 256, (60, 8, 8, channels), dtype=np.uint8)
    names = [f"class {i}" for i in range(num_classes)]
    source = ArraySource(images, test.labels)
    write_report(tmp_path / "report", LINES, test, images=source, class_names=names)
    for name in ("curves.png", "confusion.png", "mistakes.png"):
        picture = cv2.imread(str(tmp_path / "report" / name))
        assert picture.std() > 0, f"{name} is blank"
    classes = json.loads((tmp_path / "report" / "classes.json").read_text())
    recalls = recall_score(test.labels, test.predicted, average=None)
    assert [classes[name]["recall"] for name in names] == pytest.approx(recalls)


def test_long_names_stay_above_their_own_pictures(tmp_path):
    names = [f"a rather long name of a class of pictures, {i}" for i in range(6)]
    source = ArraySource(RNG.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8), np.arange(60))
    figure = mistakes(evaluation(6), source, names)
    figure.savefig(tmp_path / "mistakes.png")  # Lays it out.
    for row in np.reshape(figure.axes, (-1, 6)):
        titles = [axes.title.get_window_extent() for axes in row if axes.title.get_text()]
        assert all(left.x1 < right.x0 for left, right in pairwise(titles))
        assert all(title.x0 >= 0 and title.x1 <= figure.bbox.x1 for title in titles)


STRANGE = ["$10_note_$", "two\nlines", "\u732b", "\udcff", "n" * 400, "a & b {c} \\\\alpha^_"]


@pytest.mark.parametrize("several", [False, True])
def test_any_class_name_is_drawn_without_a_warning(tmp_path, several):
    test = evaluation(len(STRANGE))
    if several:
        labels = np.eye(len(STRANGE), dtype=np.uint8)[test.labels]
        test = Evaluation({"mAP": 0.0, "loss": 0.0, "n": 60}, labels, RNG.normal(size=labels.shape))
    source = ArraySource(RNG.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8), np.arange(60))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_report(tmp_path / "report", LINES, test, images=source, class_names=STRANGE)
    assert set(STRANGE) <= json.loads((tmp_path / "report" / "classes.json").read_text()).keys()


def test_an_epoch_whose_loss_is_null_leaves_a_gap(tmp_path):
    figure = curves([{**line, "val_loss": None} for line in LINES[:1]] + LINES[1:])
    figure.savefig(tmp_path / "curves.png")


def test_mistakes_are_shown_where_there_are_some():
    """One picture and title per mistake; a title alone where everything is right."""
    images = ArraySource(RNG.integers(0, 256, (60, 8, 8, 1), dtype=np.uint8), np.arange(60) % 3)
    names = ["cat", "dog", "owl"]

    def shown(test):
        return [axes for axes in mistakes(test, images, names).axes if axes.images]

    some = evaluation(3)
    first = np.flatnonzero(some.predicted != some.labels)[0]
    axes = shown(some)[0]
    assert axes.get_title() == f"{names[some.labels[first]]} → {names[some.predicted[first]]}"
    assert np.array_equal(axes.images[0].get_array(), images[int(first)]["image"][..., 0])
    assert not shown(evaluation(3, wrong=False))
