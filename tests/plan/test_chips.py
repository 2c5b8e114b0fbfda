"""Chips by the name of a topology, and the least time that they take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcnn.errors import UserError
from jaxcnn.plan.chips import CHIPS, chip_of, least_seconds


def test_the_roofline_takes_the_longer_of_arithmetic_and_memory():
    chip = chip_of("v5e:4x4")
    assert least_seconds(chip, 197e12, 1.0) == (1.0, "arithmetic")
    assert least_seconds(chip, 1.0, 2 * 819e9) == (2.0, "memory")


WORK = st.floats(1, 1e18)


@given(st.sampled_from(sorted(CHIPS)), WORK, WORK)
def test_no_step_is_faster_than_its_arithmetic_or_its_traffic(name, flops, num_bytes):
    chip = CHIPS[name]
    seconds, bound = least_seconds(chip, flops, num_bytes)
    needed = {
        "arithmetic": flops / chip.flops_per_second,
        "memory": num_bytes / chip.hbm_bytes_per_second,
    }
    assert seconds == needed[bound] == max(needed.values())


def test_a_topology_is_of_the_generation_that_it_names():
    for generation, chip in CHIPS.items():
        assert chip_of(f"{generation}:2x2") is chip


@pytest.mark.parametrize("topology", ["v9:2x2", "v5e", "v5e:", ""])
def test_an_unknown_topology_is_refused_with_those_there_are(topology):
    with pytest.raises(UserError, match="is unknown; give v4, v5e, v5p, v6e, a colon and"):
        chip_of(topology)


def test_every_generation_of_chips_names_its_source():
    for chip in CHIPS.values():
        assert chip.source.startswith("https://")
