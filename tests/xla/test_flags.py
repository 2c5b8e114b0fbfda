"""The CPU's flags are set where it computes, and JAX looks for what is there."""

import os
import sys

import jax
import pytest

from jaxcnn.command import cli
from jaxcnn.xla import flags, set_up


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """`machine(device, *plugins)`: what /dev shows, and what is installed."""

    def made(device, *plugins):
        if device is not None:
            (tmp_path / device).parent.mkdir(exist_ok=True)
            (tmp_path / device).touch()
        monkeypatch.setattr(flags, "plugins", lambda: list(plugins))

    monkeypatch.setattr(flags, "DEVICES", tmp_path)
    monkeypatch.setenv("JAX_PLATFORMS", "")
    before = jax.config.jax_platforms
    yield made
    jax.config.update("jax_platforms", before)


@pytest.mark.parametrize(
    ("platforms", "device", "plugins", "expected"),
    [
        ("", None, [], True),
        ("", "accel0", ["libtpu"], False),
        ("", "vfio/0", ["libtpu"], False),
        ("", "nvidia0", ["xla_cuda13"], False),
        ("", "dxg", ["xla_cuda13"], False),
        # Left over from a driver, or of a system whose JAX is for CPUs only.
        ("", "nvidia0", [], True),
        ("", "dxg", [], True),
        ("", "kfd", [], True),
        # A plugin without its device, beside another kind's or none.
        ("", None, ["libtpu"], True),
        ("", "nvidia0", ["libtpu"], True),
        ("", "accel0", ["xla_cuda13"], True),
        ("cpu", "nvidia0", ["xla_cuda13"], True),
        ("tpu,cpu", None, [], False),
    ],
)
def test_computes_on_cpu_unless_there_is_an_accelerator_and_a_jax_for_it(
    monkeypatch, machine, platforms, device, plugins, expected
):
    machine(device, *plugins)
    monkeypatch.setenv("JAX_PLATFORMS", platforms)
    assert flags.computes_on_cpu() == expected


def test_a_gpu_that_stays_idle_for_want_of_a_package_is_one_line(machine, capsys, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    machine("nvidia0")
    cli.set_up(compilation_cache=False)
    (line,) = capsys.readouterr().err.splitlines()
    assert "nvidia0" in line and "jaxcnn[cuda]" in line
    # So JAX, which has a line of its own for it, does not look for the GPU again.
    assert os.environ["JAX_PLATFORMS"] == jax.config.jax_platforms == "cpu"


@pytest.mark.parametrize(
    ("device", "plugins"),
    [("dxg", []), ("nvidiactl", []), ("nvidia0", ["xla_cuda13"]), (None, [])],
)
def test_nothing_is_said_where_no_gpu_is_known_to_stay_idle(machine, device, plugins):
    machine(device, *plugins)
    assert set_up.choose_platforms() is None
    assert os.environ["JAX_PLATFORMS"] == ""


@pytest.mark.parametrize(
    ("device", "plugins", "expected"),
    [
        (None, ["libtpu"], "cpu"),
        (None, ["libtpu", "xla_cuda13"], "cpu"),
        ("nvidia0", ["libtpu", "xla_cuda13"], "cuda,cpu"),
        ("accel0", ["libtpu"], ""),
        ("vfio/0", ["libtpu"], ""),
        (None, ["libtpu", "another"], ""),
        (None, [], ""),
    ],
)
def test_libtpu_is_not_loaded_where_there_is_no_tpu(machine, device, plugins, expected):
    machine(device, *plugins)
    set_up.choose_platforms()
    assert os.environ["JAX_PLATFORMS"] == expected


def test_what_the_user_says_of_platforms_is_kept(machine, monkeypatch):
    machine("nvidia0", "libtpu")
    monkeypatch.setenv("JAX_PLATFORMS", "tpu,cpu")
    assert set_up.choose_platforms() is None
    assert os.environ["JAX_PLATFORMS"] == "tpu,cpu"


def test_flags_that_xla_lacks_are_left_out_and_the_users_own_kept(monkeypatch):
    ynn, passes, extra = flags.CPU_FLAGS
    monkeypatch.setattr(set_up, "supported", lambda: frozenset([passes, extra]))
    own = "--xla_backend_extra_options=xla_cpu_my_own=true"
    monkeypatch.setenv("XLA_FLAGS", own)
    set_up.set_cpu_flags()
    assert set_up.os.environ["XLA_FLAGS"].split() == [own, passes]
