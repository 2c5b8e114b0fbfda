import json
import warnings
from dataclasses import replace

import cv2
import numpy as np
import pytest
from sklearn.metrics import recall_score

from jaxcnn.engine.evaluate import Evaluation
from jaxcnn.report.write import figures_of, write_report
from tests.report.shown import LINES, one_class_shown, several_classes_shown

STRANGE = ["$10_note_$", "two\nlines", "猫", "\udcff", "n" * 400, "a & b {c} \\\\alpha^_"]


def written(folder, shown):
    write_report(folder, shown, figures_of(shown))
    return folder


@pytest.mark.parametrize(
    ("num_classes", "channels", "right"), [(3, 1, 0.5), (3, 3, 1.0), (30, 3, 0.5)]
)
def test_every_picture_is_drawn(tmp_path, num_classes, channels, right):
    shown = one_class_shown(num_classes, channels=channels, right=right)
    written(tmp_path / "report", shown)
    for name in ("curves.png", "confusion.png"):
        picture = cv2.imread(str(tmp_path / "report" / name))
        assert picture.std() > 0, f"{name} is blank"
    classes = json.loads((tmp_path / "report" / "classes.json").read_text())
    labels, predicted = shown.evaluation.labels, shown.evaluation.kept.argmax(1)
    recalls = recall_score(labels, predicted, average=None)
    assert [classes[name]["recall"] for name in shown.class_names] == pytest.approx(recalls)


@pytest.mark.parametrize("make", [one_class_shown, several_classes_shown])
def test_any_class_name_is_drawn_without_a_warning(tmp_path, make):
    shown = make(len(STRANGE), names=STRANGE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written(tmp_path / "report", shown)
    assert set(STRANGE) <= json.loads((tmp_path / "report" / "classes.json").read_text()).keys()


def test_epochs_with_less_than_today_are_drawn(tmp_path):
    """A loss that was no number, and a version that measured no training images."""
    lines = [{k: v for k, v in line.items() if "sample" not in k} for line in LINES]
    lines[0]["val_loss"] = None
    page = (written(tmp_path, replace(one_class_shown(), lines=lines)) / "index.html").read_text()
    assert ">validation<" in page and ">training images, as validation has them<" not in page


def test_logits_that_are_no_numbers_are_shown_as_such(tmp_path):
    shown = one_class_shown()
    logits = shown.evaluation.kept.copy()
    logits[3] = np.nan
    bad = replace(shown, evaluation=Evaluation({}, shown.evaluation.labels, logits))
    page = (written(tmp_path, bad) / "index.html").read_text()
    assert "not all numbers" in page
