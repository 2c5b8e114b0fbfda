"""The same weights give the same logits, statistics and gradients as the reference implementation.

The goldens beside this file were written by make_goldens.py.
"""

import json

import jax
import numpy as np
import pytest

from jaxcnn.models import list_models
from jaxcnn.selfcheck.parity import LOGITS, differences, tolerance
from tests.parity import references
from tests.parity.cases import CASES, FULL_SIZES, SIZES, Case, golden_path
from tests.parity.measure import full_size_difference
from tests.parity.references import digests, family, reference_of, what_is_missing

# When a model could first come without a reference, all of these had one.
HAD_ONE = 97


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


def test_no_model_that_has_a_reference_goes_without_it():
    """Nor does one lose it: a name that leaves `keys.json` leaves its row elsewhere too."""
    named = {name for name in list_models() if reference_of(name)}
    assert digests().keys() == json.loads(SIZES.read_text()).keys() == named
    assert len(named) >= HAD_ONE


def test_every_family_that_has_a_reference_has_a_case():
    """Names and shapes do not tell what is computed with them."""
    named = {family(name) for name in list_models() if reference_of(name)}
    assert named == {family(case.model) for case in CASES}


def test_what_a_new_models_reference_lacks_is_one_line_and_without_one_it_lacks_nothing(
    monkeypatch,
):
    monkeypatch.setitem(references.WEIGHTS, "newnet", references.WEIGHTS["resnet50"])
    line = what_is_missing("newnet")
    assert line is not None and "\n" not in line
    assert line.startswith("newnet is timm:newnet, whose names and shapes are not in keys.json: ")
    assert "make_goldens.py --keys newnet" in line
    assert reference_of("othernet") is None and what_is_missing("othernet") is None
