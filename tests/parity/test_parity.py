"""The same weights give the same logits, statistics and gradients as the reference implementation.

The goldens beside this file were written by make_goldens.py.
"""

import jax
import numpy as np
import optax
import pytest

from jaxcnn.weights import to_torch
from tests.parity.cases import CASES, FULL_SIZES, GOLDENS, Case
from tests.parity.measure import difference, full_size_difference, rule_variables, without_dropout
from tests.parity.rule import images, labels, sample

LOGITS, GRADIENTS = 1e-4, 1e-3  # Relative to the largest of each tensor.
AUX_WEIGHT = 0.3


@pytest.fixture(autouse=True)
def float32_products():
    """A GPU would take TF32's, with 3 digits."""
    with jax.default_matmul_precision("highest"):
        yield


def cases() -> list:
    return [
        pytest.param(case, id=case.id, marks=[pytest.mark.slow] if case.slow else [])
        for case in CASES
    ]


@pytest.mark.parametrize("case", cases())
def test_logits_statistics_and_gradients_are_the_reference_implementations(case: Case):
    golden = np.load(GOLDENS / f"{case.id}.npz")
    variables = rule_variables(case)
    model = without_dropout(case)
    inputs = images(case.batch_size, *case.size, case.channels)
    targets = jax.nn.one_hot(labels(case.batch_size, case.num_classes), case.num_classes)

    logits = jax.jit(model.apply)(variables, inputs)
    assert difference(logits, golden["logits"]) < LOGITS

    def loss_and_outputs(params):
        logits, updated = model.apply(
            {"params": params, "batch_stats": variables["batch_stats"]},
            inputs,
            train=True,
            mutable=["batch_stats", "aux_logits"],
            rngs={"dropout": jax.random.key(0)},
        )
        aux = jax.tree.leaves(updated.pop("aux_logits", {}))
        losses = [optax.softmax_cross_entropy(head, targets).mean() for head in aux]
        loss = optax.softmax_cross_entropy(logits, targets).mean() + AUX_WEIGHT * sum(losses)
        return loss, (logits, updated.get("batch_stats", {}), aux)

    grads, (logits, batch_stats, aux) = jax.jit(jax.grad(loss_and_outputs, has_aux=True))(
        variables["params"]
    )
    assert difference(logits, golden["train_logits"]) < LOGITS
    for number, head in enumerate(aux, start=1):
        assert difference(head, golden[f"aux{number}_logits"]) < LOGITS
    ours = to_torch(case.model, {"params": grads, "batch_stats": batch_stats})
    for entry in golden.files:
        kind, _, key = entry.partition(":")
        if kind in ("grad", "stat"):
            tolerance = GRADIENTS if kind == "grad" else LOGITS
            assert difference(sample(ours[key]), golden[entry]) < tolerance, entry
    assert {"logits", "train_logits"} < set(golden.files)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.stem for path in FULL_SIZES.glob("*.npz")))
def test_logits_of_the_whole_model_are_the_reference_implementations(name):
    """For the models that make_goldens.py --full has been run for."""
    assert full_size_difference(name) < LOGITS
