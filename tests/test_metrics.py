import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

from jaxcnn.metrics import CLASSES, add_sums

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
