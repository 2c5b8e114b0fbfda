"""Figures of one class an image are scikit-learn's, and exist whatever the images are."""

import json
import warnings

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn import metrics as sk

from jaxcnn.metrics import class_figures, examples_of
from jaxcnn.task.metrics import CLASSES


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def predictions(seed, n=80, classes=7, absent=()):
    """Of few different logits, so that there are ties; right more often than by chance."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.setdiff1d(range(classes), absent), n)
    logits = rng.integers(-2, 3, (n, classes)).astype(np.float32)
    logits[range(n), labels] += rng.integers(0, 4, n)
    return labels, logits


CASES = [
    *(predictions(seed) for seed in range(4)),
    predictions(4, absent=(0, 3, 6)),
    predictions(5, n=9, classes=12),
    predictions(6, classes=2),
    predictions(7, absent=(1, 2, 3, 4, 5, 6)),
    (np.zeros(5, int), np.eye(3, dtype=np.float32)[[0] * 5]),  # All right, of one class.
    (np.array([2]), np.zeros((1, 8), np.float32)),
]


@pytest.mark.parametrize(("labels", "logits"), CASES)
def test_every_figure_is_scikit_learns(labels, logits):
    figures, classes = class_figures(labels, logits), logits.shape[1]
    predicted, probabilities = logits.argmax(1), softmax(logits.astype(float), axis=1)
    assert figures.top1 == pytest.approx(sk.accuracy_score(labels, predicted))
    assert figures.loss == pytest.approx(sk.log_loss(labels, probabilities, labels=range(classes)))
    for name in ("macro", "micro", "weighted"):
        expected = sk.precision_recall_fscore_support(
            labels, predicted, average=name, zero_division=0
        )
        average = getattr(figures, name)
        assert [average.precision, average.recall, average.f1] == pytest.approx(expected[:3])
    rows = figures.per_class
    each = sk.precision_recall_fscore_support(
        labels, predicted, labels=range(classes), zero_division=0
    )
    found = np.array([(row.precision, row.recall, row.f1, row.support) for row in rows])
    np.testing.assert_allclose(found.T, each)
    assert (
        figures.confusion.toarray() == sk.confusion_matrix(labels, predicted, labels=range(classes))
    ).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of classes that are not shown, or of one class only.
        assert figures.balanced_accuracy == pytest.approx(
            sk.balanced_accuracy_score(labels, predicted)
        )
        assert figures.mcc == pytest.approx(sk.matthews_corrcoef(labels, predicted))
        kappa = sk.cohen_kappa_score(labels, predicted)
    assert figures.kappa == (None if np.isnan(kappa) else pytest.approx(kappa))
    areas = []
    for k, row in enumerate(rows):
        positive, scores = (
            labels == k,
            log_softmax(logits.astype(float), axis=1)[:, k].astype(np.float32),
        )
        if positive.any():
            expected = sk.average_precision_score(positive, scores)
            assert row.average_precision == pytest.approx(expected)
        else:
            assert row.average_precision is None
        if positive.any() and not positive.all():
            areas.append(sk.roc_auc_score(positive, scores))
    assert figures.roc_auc == (pytest.approx(np.mean(areas)) if areas else None)


def test_the_area_under_the_curve_is_scikit_learns_of_several_classes():
    labels, logits = predictions(8)
    logits += np.random.default_rng(0).random(logits.shape, np.float32)  # No ties.
    expected = sk.roc_auc_score(labels, softmax(logits, axis=1), multi_class="ovr")
    assert class_figures(labels, logits).roc_auc == pytest.approx(expected)


def of_task(labels, logits):
    ones = jnp.ones(len(logits))
    sums = CLASSES.batch_sums(ones, jnp.asarray(logits), jnp.asarray(labels), ones)
    return {name: float(sums[name]) / len(logits) for name in ("top1", "top5")}


@pytest.mark.parametrize("seed", range(4))
def test_top_1_and_top_5_are_those_of_training_with_ties_and_logits_that_are_no_numbers(seed):
    labels, logits = predictions(seed, classes=9)
    rng = np.random.default_rng(seed)
    logits[rng.random(logits.shape) < 0.02] = np.nan
    logits[rng.random(logits.shape) < 0.02] = np.inf
    logits[rng.random(logits.shape) < 0.02] = -np.inf
    several = (rng.random(logits.shape) < 0.3).astype(np.uint8)
    several[:, 0] |= ~several.any(1)
    for right in (labels, several):
        figures = class_figures(right, logits)
        assert {"top1": figures.top1, "top5": figures.top5} == pytest.approx(of_task(right, logits))


def test_several_right_classes_share_the_target_and_any_of_them_is_a_hit():
    logits = np.log(np.array([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]], np.float32))
    right = np.array([[1, 1, 0], [0, 1, 0]], np.uint8)
    examples = examples_of(right, logits)
    assert examples.labels.tolist() == [0, 1] and examples.right.tolist() == [True, False]
    by_hand = [-(np.log(0.5) + np.log(0.25)) / 2, -np.log(0.2)]
    assert examples.losses == pytest.approx(by_hand)
    # The first has the target (1/2, 1/2, 0), the second (0, 1, 0).
    assert examples.squared_errors == pytest.approx([0.125, 0.04 + 0.64 + 0.36])
    alone = class_figures(np.array([0, 1]), logits)
    assert class_figures(np.eye(3, dtype=np.uint8)[[0, 1]], logits).to_json() == alone.to_json()


@pytest.mark.parametrize("n", [0, 1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0])
def test_figures_exist_for_no_image_one_class_and_logits_that_are_not_finite(n, value):
    for classes in (1, 3, 8):
        figures = class_figures(np.zeros(n, int), np.full((n, classes), value, np.float32))
        text = json.dumps(figures.to_json(), allow_nan=False)
        assert json.loads(text)["n"] == n
        assert (figures.top5 is None) == (classes <= 5 or n == 0)
        if n == 0 or value != 0:
            assert figures.loss is None and figures.calibration.ece is None


def test_a_model_whose_logits_are_no_numbers_is_never_right():
    assert class_figures(np.arange(4), np.full((4, 4), np.nan, np.float32)).top1 == 0.0


def test_intervals_hold_their_figures():
    labels, logits = predictions(9, n=200)
    figures = class_figures(labels, logits)
    values = {
        "top1": figures.top1,
        "top5": figures.top5,
        "loss": figures.loss,
        "balanced_accuracy": figures.balanced_accuracy,
        "kappa": figures.kappa,
        "mcc": figures.mcc,
        "macro_f1": figures.macro.f1,
    }
    assert figures.intervals.keys() == values.keys()
    for name, value in values.items():
        low, high = figures.intervals[name]
        assert low < value < high and high - low < 0.4


def test_json_has_names_and_no_matrix_of_more_than_100_classes():
    labels, logits = predictions(10, classes=3)
    json = class_figures(labels, logits, ["ant", "bee", "cat"]).to_json()
    assert [(row["class"], row["name"]) for row in json["per_class"]] == [
        (0, "ant"),
        (1, "bee"),
        (2, "cat"),
    ]
    assert np.shape(json["confusion"]) == (3, 3)
    many = class_figures(labels, np.zeros((len(labels), 101), np.float32)).to_json()
    assert "confusion" not in many and many["worst_pairs"][0]["predicted"] == 0


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(3, int), r"labels \[3\] with logits \[4, 2\]"),
        (np.full(4, 2), "labels 2 to 2 of classes 0 to 1"),
        (np.array([0, 0, -1, 1]), "labels -1 to 1"),
    ],
)
def test_labels_that_do_not_go_with_the_logits_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        class_figures(labels, np.zeros((4, 2), np.float32))


def test_blocks_of_rows_add_up(monkeypatch):
    labels, logits = predictions(11)
    whole = class_figures(labels, logits).to_json()
    monkeypatch.setattr("jaxcnn.metrics.examples.MOST_AT_A_TIME", 70)
    monkeypatch.setattr("jaxcnn.metrics.ranking.COLUMNS", 3)
    assert class_figures(labels, logits).to_json() == whole
