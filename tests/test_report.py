import json

import cv2
import numpy as np
import pytest
from sklearn.metrics import recall_score

from jaxcnn.data.spec import ArraySource
from jaxcnn.program import Evaluation
from jaxcnn.report import write_report

RNG = np.random.default_rng(0)


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
    lines = [
        {"epoch": epoch, "train_loss": 1.0, "val_loss": 1.1, "train_top1": 0.5, "val_top1": 0.4}
        for epoch in (1, 2)
    ]
    names = [f"class {i}" for i in range(num_classes)]
    source = ArraySource(images, test.labels)
    write_report(tmp_path / "report", lines, test, images=source, class_names=names)
    for name in ("curves.png", "confusion.png", "mistakes.png"):
        picture = cv2.imread(str(tmp_path / "report" / name))
        assert picture.std() > 0, f"{name} is blank"
    classes = json.loads((tmp_path / "report" / "classes.json").read_text())
    recalls = recall_score(test.labels, test.predicted, average=None)
    assert [classes[name]["recall"] for name in names] == pytest.approx(recalls)
