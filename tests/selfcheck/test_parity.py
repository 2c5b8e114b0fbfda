import numpy as np
import pytest

from jaxcnn.selfcheck import parity
from jaxcnn.selfcheck.cases import CASES, GOLDENS

MODEL = "vit_tiny_patch16_224"


def test_every_case_has_its_golden_in_the_package():
    assert {path.stem for path in GOLDENS.glob("*.npz")} == {case.id for case in CASES}


def test_a_model_that_computes_what_the_reference_does_is_fine():
    outcome = parity.check_parity([MODEL])
    assert outcome.failures == ()
    assert 0 < outcome.figures[MODEL]["logits"] < parity.LOGITS
    assert 0 < outcome.figures[MODEL]["gradients"] < parity.GRADIENTS


@pytest.mark.parametrize("off", [1e-2, np.nan])
def test_a_model_that_is_off_is_a_failure(monkeypatch, off):
    def differences(case, golden):
        return {entry: off if entry == "logits" else 1e-7 for entry in golden}

    monkeypatch.setattr(parity, "differences", differences)
    [failure] = parity.check_parity([MODEL]).failures
    assert failure.startswith(f"{MODEL}: logits") and "1e-04 is allowed" in failure


def test_the_difference_is_relative_to_the_largest_value():
    assert parity.difference(np.array([1.0, 4.04]), np.array([1.0, 4.0])) == pytest.approx(1e-2)
