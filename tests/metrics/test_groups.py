import json

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from jaxcnn.metrics import (
    by_group,
    calibration,
    class_figures,
    newcombe,
    set_figures,
    sets_by_group,
)


def predictions(n=90, classes=4):
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, classes, n), rng.normal(size=(n, classes)).astype(np.float32)
    groups = rng.choice(["day", "night"], n)
    logits[np.arange(n), labels] += np.where(groups == "day", 3, 0.5)
    groups[:1] = "fog"
    return groups.tolist(), labels, logits


def test_a_groups_figures_are_those_of_its_images_alone():
    groups, labels, logits = predictions()
    found = by_group(groups, labels, logits).groups
    assert list(found) == ["day", "fog", "night"] and sum(g.n for g in found.values()) == 90
    for name, group in found.items():
        rows = np.flatnonzero(np.array(groups) == name)
        alone = class_figures(labels[rows], logits[rows])
        assert group.figures == {
            "top1": pytest.approx(alone.top1),
            "balanced_accuracy": alone.balanced_accuracy,
            "macro_f1": pytest.approx(alone.macro.f1),
            "loss": pytest.approx(alone.loss),
            "mean_confidence": pytest.approx(alone.calibration.mean_confidence),
            "ece": pytest.approx(calibration(labels[rows], logits[rows]).ece),
        }
        assert group.intervals["top1"] == alone.intervals["top1"]
        assert group.intervals["loss"] == alone.intervals["loss"]
    day = np.array(groups) == "day"
    predicted = logits[day].argmax(1)
    expected = balanced_accuracy_score(labels[day], predicted)
    assert found["day"].figures["balanced_accuracy"] == pytest.approx(expected)
    expected = f1_score(labels[day], predicted, average="macro")
    assert found["day"].figures["macro_f1"] == pytest.approx(expected)


def test_gaps_name_the_groups_and_an_image_alone_is_none():
    groups, labels, logits = predictions()
    found = by_group(groups, labels, logits)
    gap, (day, night) = found.gaps["top1"], (found.groups[name] for name in ("day", "night"))
    assert (gap.largest, gap.smallest) == ("day", "night")
    assert gap.difference == day.figures["top1"] - night.figures["top1"]
    right = [round(group.figures["top1"] * group.n) for group in (day, night)]
    assert gap.interval == newcombe(right[0], day.n, right[1], night.n)
    assert gap.interval[0] < gap.difference < gap.interval[1]
    loss = found.gaps["loss"]
    assert (loss.largest, loss.smallest, loss.interval) == ("night", "day", None)
    assert found.groups["fog"].n == 1 and found.groups["fog"].intervals["loss"] is None


def test_groups_of_several_classes_an_image_have_mean_average_precision():
    groups, labels, logits = predictions()
    several = np.eye(4, dtype=np.uint8)[labels] | (logits > 2)
    found = sets_by_group(groups, several, logits)
    for name, group in found.groups.items():
        rows = np.array(groups) == name
        alone = set_figures(several[rows], logits[rows])
        expected = {"mAP": alone.mAP, "OF1": alone.OF1, "loss": alone.loss}
        assert group.figures == pytest.approx(expected)
        assert group.intervals["OF1"] == alone.intervals["OF1"]
    assert found.gaps["mAP"].largest == "day"


def test_groups_are_plain_json_whatever_is_in_them():
    groups, labels, logits = predictions()
    logits[3] = np.nan
    found = by_group(groups, labels, logits).to_json()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["groups"]["day"]["n"] == groups.count("day")
    assert found["gaps"]["top1"]["interval"][0] > 0
    empty = by_group([], labels[:0], logits[:0]).to_json()
    assert (
        empty == {"groups": {}, "gaps": {}} == sets_by_group([], logits[:0], logits[:0]).to_json()
    )
    alike = by_group(["a", "a", "b", "b"], np.zeros(4, int), np.zeros((4, 2), np.float32))
    gap = alike.gaps["top1"]
    assert (gap.largest, gap.smallest, gap.difference) == ("a", "b", 0.0)
    with pytest.raises(ValueError, match="2 names of groups for 3 images"):
        by_group(["a", "b"], labels[:3], logits[:3])
