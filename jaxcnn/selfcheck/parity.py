"""The same weights give the logits, statistics and gradients of the reference implementation.

The goldens were written by tests/parity/make_goldens.py: timm in float64.
"""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np
import optax
from flax import linen as nn

from jaxcnn.models import create_model, model_spec
from jaxcnn.models.spec import Variables
from jaxcnn.selfcheck.cases import CASES, GOLDENS, Case
from jaxcnn.selfcheck.outcome import Outcome
from jaxcnn.selfcheck.rule import fill, images, labels, sample
from jaxcnn.weights import from_torch, to_torch
from jaxcnn.weights.torch_names import torch_tensors
from jaxcnn.xla.gpu import with_float32_products

# Relative to the largest of each tensor.
LOGITS, GRADIENTS = 1e-4, 1e-3
AUX_WEIGHT = 0.3


def difference(ours: jax.typing.ArrayLike, theirs: np.ndarray) -> float:
    """Largest difference, relative to the largest value."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def rule_variables(case: Case) -> Variables:
    """Our variables with the rule's weights, by way of their torch names."""
    model = create_model(case.model, num_classes=case.num_classes, **case.overrides)
    tensors = torch_tensors(model_spec(case.model), model)
    state_dict = {key: fill(key, tensor.torch_shape) for key, tensor in tensors.items()}
    return from_torch(case.model, state_dict, num_classes=case.num_classes, **case.overrides)


def without_dropout(case: Case) -> nn.Module:
    model = create_model(case.model, num_classes=case.num_classes, **case.overrides)
    fields = {field.name for field in dataclasses.fields(model)} & {"drop_rate", "drop_path_rate"}
    rates: dict[str, Any] = dict.fromkeys(fields, 0.0)
    return model.clone(**rates)


def differences(case: Case, golden: dict[str, np.ndarray]) -> dict[str, float]:
    """By the golden's entries, how far ours are from them, relative to the largest of each.

    Entries are `logits`, `train_logits` and `aux1_logits`... of each head, and by their torch names
    `stat:NAME` and `grad:NAME`, of batch statistics and gradients.
    """
    variables, model = rule_variables(case), without_dropout(case)
    inputs = images(case.batch_size, *case.size, case.channels)
    targets = jax.nn.one_hot(labels(case.batch_size, case.num_classes), case.num_classes)

    def loss_and_outputs(params: Any) -> tuple[jax.Array, Any]:
        logits, updated = model.apply(
            {"params": params, "batch_stats": variables["batch_stats"]},
            inputs,
            train=True,
            mutable=["batch_stats", "aux_logits"],
            rngs={"dropout": jax.random.key(0)},
        )
        updated: Any = updated
        aux = jax.tree.leaves(updated.pop("aux_logits", {}))
        losses = [optax.softmax_cross_entropy(head, targets).mean() for head in aux]
        loss = optax.softmax_cross_entropy(logits, targets).mean() + AUX_WEIGHT * sum(losses)
        return loss, (logits, updated.get("batch_stats", {}), aux)

    ours: dict[str, Any] = {
        "logits": jax.jit(with_float32_products(model.apply))(variables, inputs)
    }
    gradients = with_float32_products(jax.grad(loss_and_outputs, has_aux=True))
    grads, (ours["train_logits"], batch_stats, aux) = jax.jit(gradients)(variables["params"])
    ours |= {f"aux{number}_logits": head for number, head in enumerate(aux, start=1)}
    tensors = to_torch(case.model, {"params": grads, "batch_stats": batch_stats})
    for entry in golden:
        kind, _, key = entry.partition(":")
        if kind in ("grad", "stat"):
            ours[entry] = sample(tensors[key])
    assert {"logits", "train_logits"} < golden.keys() == ours.keys()
    return {entry: difference(ours[entry], values) for entry, values in golden.items()}


def tolerance(entry: str) -> float:
    return GRADIENTS if entry.startswith("grad:") else LOGITS


def read_golden(case: Case) -> dict[str, np.ndarray]:
    return dict(np.load(GOLDENS / f"{case.id}.npz"))


def check_parity(models: list[str] | None = None, at_once: int = 1) -> Outcome:
    """All of `CASES`, or those of `models`, so many compiling side by side."""
    cases = [case for case in CASES if models is None or case.model in models]
    with ThreadPoolExecutor(at_once) as beside:
        found = list(beside.map(lambda case: differences(case, read_golden(case)), cases))
    figures, failures = {}, []
    for case, errors in zip(cases, found, strict=True):
        largest = {
            "logits": max(e for entry, e in errors.items() if entry.endswith("logits")),
            "gradients": max(e for entry, e in errors.items() if entry.startswith("grad:")),
        }
        figures[case.model] = largest
        worst = max(errors, key=lambda entry: errors[entry] / tolerance(entry))
        if not errors[worst] < tolerance(worst):  # Nor is NaN.
            failures.append(
                f"{case.model}: {worst} is {errors[worst]:.1e} away from timm's; "
                f"{tolerance(worst):.0e} is allowed"
            )
    return Outcome(figures, tuple(failures))
