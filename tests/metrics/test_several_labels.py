"""Figures of several classes an image are scikit-learn's, and those of training."""

import json
import warnings

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.special import expit
from sklearn import metrics as sk

from jaxcnn.metrics import class_figures, set_figures, tuned_thresholds
from jaxcnn.metrics.several_labels import average_precisions, mean_of_shown, overall_f1
from jaxcnn.metrics.several_labels_intervals import (
    mean_average_precision_interval,
    of1_interval,
)
from jaxcnn.task.metrics import MULTI_LABEL


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def predictions(seed, n=80, rates=(0.9, 0.5, 0.3, 0.1, 0.0, 1.0)):
    """Of few different logits, so that there are ties; one class is never shown, one always."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((n, len(rates))) < rates).astype(np.uint8)
    labels[0] = 0
    logits = rng.integers(-3, 3, labels.shape) + labels * rng.integers(0, 4, labels.shape)
    return labels, logits.astype(np.float32)


CASES = [*(predictions(seed) for seed in range(4)), predictions(4, n=2), predictions(5, n=1)]


@pytest.mark.parametrize(("labels", "logits"), CASES)
def test_every_figure_is_scikit_learns(labels, logits):
    figures, predicted = set_figures(labels, logits), logits > 0
    occur = np.flatnonzero(labels.any(0) | predicted.any(0))
    for name in ("macro", "micro", "weighted"):
        average = getattr(figures, name)
        if not (labels if name == "weighted" else occur).any():
            assert average.precision is average.recall is average.f1 is None
            continue
        expected = sk.precision_recall_fscore_support(
            labels, predicted, labels=occur, average=name, zero_division=0
        )
        assert [average.precision, average.recall, average.f1] == pytest.approx(expected[:3])
    each = sk.precision_recall_fscore_support(labels, predicted, zero_division=0)
    rows = figures.per_class
    found = np.array([(row.precision, row.recall, row.f1, row.support) for row in rows])
    np.testing.assert_allclose(found.T, each)
    for k, row in enumerate(rows):
        shown = labels[:, k].any()
        assert row.average_precision == (
            pytest.approx(sk.average_precision_score(labels[:, k], logits[:, k])) if shown else None
        )
    assert figures.hamming_loss == pytest.approx(sk.hamming_loss(labels, predicted))
    assert figures.subset_accuracy == pytest.approx(sk.accuracy_score(labels, predicted))
    ranking = sk.label_ranking_average_precision_score(labels, logits)
    assert figures.label_ranking_average_precision == pytest.approx(ranking)
    assert figures.coverage == pytest.approx(sk.coverage_error(labels, logits))


@pytest.mark.parametrize("case", range(6))
@pytest.mark.parametrize("broken", [None, np.nan, np.inf, -np.inf])
def test_figures_are_those_of_training(case, broken):
    labels, logits = CASES[case]
    if broken is not None:
        logits = np.where(np.random.default_rng(0).random(logits.shape) < 0.1, broken, logits)
    losses = optax.sigmoid_binary_cross_entropy(jnp.asarray(logits), jnp.asarray(labels)).sum(-1)
    arrays = jnp.asarray(logits), jnp.asarray(labels), jnp.ones(len(labels))
    sums = {k: float(v) for k, v in MULTI_LABEL.batch_sums(losses, *arrays).items()}
    expected = MULTI_LABEL.evaluated(sums, labels, logits)
    found = set_figures(labels, logits).to_json()
    if broken is not None:
        assert json.dumps(found, allow_nan=False)
        expected.pop("loss")
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("classes", [1, 4])
@pytest.mark.parametrize("n", [0, 1, 3])
def test_figures_exist_for_no_image_and_one_class(n, classes):
    labels, logits = np.zeros((n, classes), np.uint8), np.zeros((n, classes), np.float32)
    figures = set_figures(labels, logits, class_names=["ant", "bee", "cat", "dog"][:classes])
    found = json.loads(json.dumps(figures.to_json(), allow_nan=False))
    assert found["n"] == n and found["per_class"][0]["name"] == "ant"
    assert (found["mAP"], found["OF1"]) == ((0.0, 0.0) if n else (None, None))
    with pytest.raises(ValueError, match="both must be"):
        set_figures(labels[:, 0], logits)


def test_a_class_has_the_threshold_that_is_given():
    logits = np.array([[0.0, 0.0], [1.0, 1.0]], np.float32)
    truth = np.ones((2, 2), np.uint8)
    found = set_figures(truth, logits, np.array([0.4, 0.6]))
    assert [row.recall for row in found.per_class] == [1.0, 0.5]
    assert found.thresholds == (0.4, 0.6)
    # Above it, not at it.
    assert set_figures(truth, logits).per_class[0].recall == 0.5


@pytest.mark.parametrize("seed", range(6))
def test_tuned_thresholds_have_the_most_f1_of_all(seed):
    labels, logits = predictions(seed, n=40)
    thresholds = tuned_thresholds(labels, logits)
    tuned = [row.f1 for row in set_figures(labels, logits, thresholds).per_class]
    plain = [row.f1 for row in set_figures(labels, logits).per_class]
    every = [np.full(6, expit(cut)) for cut in np.arange(-7.5, 8)]
    best = np.max([[r.f1 for r in set_figures(labels, logits, t).per_class] for t in every], axis=0)
    assert tuned == pytest.approx(np.maximum(best, plain))
    assert sum(tuned) > sum(plain)
    assert thresholds[4] == 0.5, "no image shows the class"


def test_thresholds_are_tuned_whatever_the_logits():
    labels = np.array([[1], [0], [1]], np.uint8)
    assert tuned_thresholds(labels, np.full((3, 1), np.nan, np.float32)) == [0.5]
    assert tuned_thresholds(labels[:0], np.zeros((0, 1), np.float32)) == [0.5]
    # Probabilities that round to 1 cannot be told apart: 0.5 is as good.
    assert tuned_thresholds(labels, np.array([[90.0], [80], [91]], np.float32)) == [0.5]
    apart = tuned_thresholds(labels, np.array([[2.0], [1.0], [3.0]], np.float32))
    assert apart == pytest.approx(expit(1.5))
    # An F1 of 2/3 above 3.5, and of all; the first is nearer to 0.5.
    both = tuned_thresholds(np.array([[1], [0], [0], [1]]), np.array([[4.0], [3], [-1], [-3]]))
    assert both == pytest.approx(expit(3.5))


def test_intervals_are_those_of_drawing_images():
    labels, logits = predictions(9, n=60, rates=(0.5, 0.3, 0.2))
    rng = np.random.default_rng(1)
    draws = [rng.integers(60, size=60) for _ in range(400)]
    mean_average_precision = [
        mean_of_shown(average_precisions(labels[i] > 0, logits[i])) for i in draws
    ]
    figures = set_figures(labels, logits)
    low, high = np.quantile(mean_average_precision, [0.025, 0.975])
    assert figures.intervals["mAP"] == pytest.approx((low, high), abs=0.03)
    hits, shown, predicted = (labels & (logits > 0)).sum(1), labels.sum(1), (logits > 0).sum(1)
    overall = [overall_f1(hits[i], shown[i], predicted[i]) for i in draws]
    low, high = np.quantile(overall, [0.025, 0.975])
    assert figures.intervals["OF1"] == pytest.approx((low, high), abs=0.03)
    assert set_figures(labels, logits).intervals == figures.intervals


def test_the_interval_of_map_is_left_out_where_it_would_take_long():
    labels, logits = predictions(0, n=50)
    assert mean_average_precision_interval(labels > 0, logits) is not None
    many = np.zeros((40_000, 6))
    assert mean_average_precision_interval(many == 0, many) is None
    assert mean_average_precision_interval(labels[:1] > 0, logits[:1]) is None
    assert of1_interval(*np.ones((3, 1), int)) is None


def test_sets_of_one_class_each_rank_images_as_classes_do():
    """The same average precision, if the scores are the same."""
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 3, 30), rng.normal(size=(30, 3)).astype(np.float32)
    logits -= np.log(np.exp(logits).sum(1, keepdims=True))
    sets = set_figures(np.eye(3, dtype=np.uint8)[labels], logits).per_class
    for one, other in zip(class_figures(labels, logits).per_class, sets, strict=True):
        assert one.average_precision == pytest.approx(other.average_precision)
