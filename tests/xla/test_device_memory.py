"""A process's largest size, in bytes on each system."""

import resource
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from jaxcnn.xla.device_memory import peak_bytes


@pytest.mark.parametrize(("system", "expected"), [("linux", 7 * 1024), ("darwin", 7)])
def test_systems_count_in_their_own_units(monkeypatch, system, expected):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=7))
    assert peak_bytes() == expected


def test_it_is_at_least_what_was_held():
    held = np.ones(2**28, np.uint8)
    assert held.nbytes < peak_bytes() < 2**40
