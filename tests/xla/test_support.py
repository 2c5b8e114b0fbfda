"""XLA is asked what it can do once, by a process that may die of it."""

import json
import subprocess

import pytest

from jaxcnn.xla import probe, support
from jaxcnn.xla.flags import CPU_FLAGS

UNKNOWN = "--xla_cpu_no_such_flag=true"


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """How often a process was asked; each test begins with nothing known."""
    commands = []
    run = subprocess.run

    def counted(command, **how):
        commands.append(command)
        return run(command, **how)

    monkeypatch.setattr(support.subprocess, "run", counted)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(support, "supported", support.supported.__wrapped__)
    return commands


def test_all_that_speed_rests_on_works_here(asked):
    assert support.supported() == set(support.ASKED)
    assert support.unsupported() == []


def test_the_answer_is_remembered(asked):
    first = support.supported()
    assert support.supported() == first and len(asked) == 1


def test_a_flag_that_ends_the_process_is_left_out_and_the_others_kept(asked, monkeypatch):
    monkeypatch.setattr(support, "ASKED", (CPU_FLAGS[1], UNKNOWN, support.MATMUL))
    assert support.supported() == {CPU_FLAGS[1], support.MATMUL}
    assert support.unsupported() == [UNKNOWN]


@pytest.mark.parametrize("content", ["", "[]", '{"half": tr', "\x00"])
def test_a_damaged_answer_is_asked_for_again(asked, content):
    works = support.supported()
    (path,) = support.cache_folder().glob("*.json")
    path.write_text(content)
    assert support.supported() == works and len(asked) == 2
    assert json.loads(path.read_text()) == dict.fromkeys(support.ASKED, True)


def test_without_a_place_to_remember_it_asks_again(asked, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nothing")
    assert support.supported() == support.supported() and len(asked) == 2


def test_a_call_with_wrong_values_does_not_work(monkeypatch):
    right = probe.onednn.matmul
    monkeypatch.setattr(probe.onednn, "matmul", lambda *args: 2 * right(*args))
    assert not probe.CALLS[support.MATMUL]()
    assert probe.CALLS[support.CONVOLUTION]()
