"""The largest batch that fits, by few compilations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcnn.plan.largest_batch import DoesNotFit, largest_batch


@pytest.mark.parametrize("per_image, fits", [(10.0, 96), (9.0, 104), (1000.0, None)])
def test_the_largest_batch_is_found_by_one_compilation_more(per_image, fits):
    """A memory of 1,100 bytes of which the state takes 100."""
    compiled = []

    def compile_for(batch_size):
        compiled.append(batch_size)
        if 100 + per_image * batch_size > 1100:
            raise DoesNotFit(100 + per_image * batch_size, 1100)

    problem = DoesNotFit(100 + per_image * 256, 1100)
    assert largest_batch(256, problem, compile_for, unit=8, fixed_bytes=100) == fits
    assert compiled == ([fits] if fits else [])


def test_a_guess_that_does_not_fit_is_corrected_by_its_own_figures():
    """Memory that grows in jumps: 12 bytes an image below 100 images, 10 above."""
    compiled = []

    def compile_for(batch_size):
        compiled.append(batch_size)
        used = 100 + (10 if batch_size > 100 else 12) * batch_size
        if used > 1100:
            raise DoesNotFit(used, 1100)

    problem = DoesNotFit(2660, 1100)
    assert largest_batch(256, problem, compile_for, unit=8, fixed_bytes=100) == 80
    assert compiled == [96, 80]


@given(
    unit=st.integers(1, 16),
    units=st.integers(2, 64),
    per_image=st.floats(0.5, 100),
    fixed_bytes=st.floats(0, 1000),
    available=st.floats(1, 5000),
)
def test_what_is_found_fits_and_was_compiled(unit, units, per_image, fixed_bytes, available):
    """Where memory grows evenly, nothing larger by a unit fits, or it is 15/16 of what did not."""
    sizes = []

    def compile_for(batch_size):
        sizes.append(batch_size)
        used = fixed_bytes + per_image * batch_size
        if used > available * (1 + 1e-9):
            raise DoesNotFit(used, available)

    batch_size = unit * units
    try:
        compile_for(batch_size)
    except DoesNotFit as problem:
        found = largest_batch(batch_size, problem, compile_for, unit=unit, fixed_bytes=fixed_bytes)
        room = (available - fixed_bytes) / per_image
        if found is None:
            assert room < unit * (1 + 1e-6) or batch_size * 15 // 16 < unit
        else:
            assert found == sizes[-1] and found % unit == 0 and found <= room * (1 + 1e-6)
            assert found + unit > min(room * (1 - 1e-6), batch_size * 15 // 16)
