import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    precision_recall_fscore_support,
    top_k_accuracy_score,
)

from jaxcnn.task.metrics import CLASSES, MULTI_LABEL, add_sums, average_precisions, headline

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(50, 8)).astype(np.float32)
LABELS = RNG.integers(0, 8, 50)


def sums_of(rows):
    logits, labels = jnp.asarray(LOGITS[rows]), jnp.asarray(LABELS[rows])
    return CLASSES.batch_sums(jnp.ones(len(labels)), logits, labels, jnp.ones(len(labels)))


def test_top_k_agrees_with_scikit_learn_and_batches_add_up():
    sums = {}
    for rows in (slice(0, 20), slice(20, 50)):
        sums = add_sums(sums, sums_of(rows))
    summary = CLASSES.summarize(sums)
    for name, k in (("top1", 1), ("top5", 5)):
        expected = top_k_accuracy_score(LABELS, LOGITS, k=k, labels=range(8))
        assert summary[name] == pytest.approx(expected)
    assert (summary["n"], summary["loss"]) == (50, 1.0)


def test_a_constant_model_is_right_for_one_class_only():
    """Equal logits are not a hit for every class: ties go to the lowest, as argmax has it."""
    sums = CLASSES.batch_sums(jnp.ones(8), jnp.zeros((8, 8)), jnp.arange(8), jnp.ones(8))
    assert (float(sums["top1"]), float(sums["top5"])) == (1.0, 5.0)


def test_a_model_whose_logits_are_no_numbers_is_never_right():
    sums = CLASSES.batch_sums(jnp.ones(8), jnp.full((8, 8), jnp.nan), jnp.arange(8), jnp.ones(8))
    assert float(sums["top1"]) == 0.0


def test_any_of_several_right_classes_is_a_hit():
    """An image of one class alone is the same as ever; a row that only fills does not count."""
    one_hot = jnp.eye(8, dtype=jnp.uint8)[jnp.asarray(LABELS)]
    ones = jnp.ones(50)
    assert CLASSES.batch_sums(ones, jnp.asarray(LOGITS), one_hot, ones) == sums_of(slice(None))
    several = (RNG.random((50, 8)) < 0.3).astype(np.uint8)
    several[:, 0] |= ~several.any(1)
    sums = CLASSES.batch_sums(ones, jnp.asarray(LOGITS), jnp.asarray(several), ones)
    ranked = np.take_along_axis(several, np.argsort(-LOGITS, axis=1), axis=1)
    assert float(sums["top1"]) == ranked[:, 0].sum()
    assert float(sums["top5"]) == ranked[:, :5].any(1).sum()


SHOWN = (RNG.random((200, 6)) < [0.5, 0.3, 0.1, 0.05, 0.02, 0.0]).astype(np.uint8)
SCORES = (RNG.normal(size=(200, 6)) + SHOWN).astype(np.float32)


def multi_label(labels, logits):
    """Figures of two batches, the second filled up with three rows of anything."""
    sums = {}
    for start, stop, filling in ((0, 120, 0), (120, 200, 3)):
        weight = np.r_[np.ones(stop - start), np.zeros(filling)]
        rows = [np.r_[part[start:stop], part[:filling]] for part in (labels, logits)]
        batch = MULTI_LABEL.batch_sums(
            jnp.full(len(weight), 2.0), jnp.asarray(rows[1]), jnp.asarray(rows[0]), weight
        )
        sums = add_sums(sums, batch)
    assert tuple(sums) == MULTI_LABEL.sum_names
    return MULTI_LABEL.evaluated(sums, labels, logits)


def test_average_precision_of_each_class_is_scikit_learns():
    ours = average_precisions(SHOWN, SCORES)
    theirs = [average_precision_score(SHOWN[:, k], SCORES[:, k]) for k in range(5)]
    assert ours[:5].tolist() == pytest.approx(theirs)
    assert np.isnan(ours[5]), "no image shows the class"


def test_multi_label_figures_are_the_means_over_the_classes_that_are_shown():
    figures = multi_label(SHOWN, SCORES)
    assert tuple(figures) == ("mAP", "CF1", "OF1", "loss", "n")
    expected = average_precision_score(SHOWN[:, :5], SCORES[:, :5], average="macro")
    assert figures["mAP"] == pytest.approx(expected)
    precision, recall, _, _ = precision_recall_fscore_support(
        SHOWN[:, :5], SCORES[:, :5] > 0, average="macro", zero_division=0
    )
    assert figures["CF1"] == pytest.approx(2 * precision * recall / (precision + recall))
    *_, overall, _ = precision_recall_fscore_support(
        SHOWN, SCORES > 0, average="micro", zero_division=0
    )
    assert figures["OF1"] == pytest.approx(overall)
    assert (figures["loss"], figures["n"]) == (2.0, 200)
    assert headline(figures) == "mAP"


def test_multi_label_figures_exist_where_nothing_is_shown_or_predicted():
    assert multi_label(np.zeros_like(SHOWN), SCORES - 100)["OF1"] == 0.0
    silent = multi_label(SHOWN, SCORES - 100)
    assert (silent["CF1"], silent["OF1"]) == (0.0, 0.0)
    broken = multi_label(SHOWN, np.full_like(SCORES, np.nan))
    assert broken["mAP"] == pytest.approx(SHOWN[:, :5].mean())  # What chance gives.
