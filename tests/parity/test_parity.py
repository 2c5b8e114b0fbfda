"""The same weights give the same logits, statistics and gradients as the reference implementation.

The goldens beside this file were written by make_goldens.py.
"""

import jax
import numpy as np
import pytest

from jaxcnn.selfcheck.parity import LOGITS, differences, tolerance
from tests.parity.cases import CASES, FULL_SIZES, Case, golden_path
from tests.parity.measure import full_size_difference


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
    found = differences(case, dict(np.load(golden_path(case))))
    assert {entry: error for entry, error in found.items() if error >= tolerance(entry)} == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.stem for path in FULL_SIZES.glob("*.npz")))
def test_logits_of_the_whole_model_are_the_reference_implementations(name):
    """For the models that make_goldens.py --full has been run for."""
    assert full_size_difference(name) < LOGITS
