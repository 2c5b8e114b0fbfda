"""A program's own process gets what a command line's has, or a line that says what it lacks."""

import json
import os
import platform
import subprocess
import sys

import jax
import pytest

from jaxcnn.xla import flags, set_up
from jaxcnn.xla.support import supported

TOLD = """
import jax, jax.numpy as jnp, json, os, jaxcnn
from jax._src import xla_bridge
{before}
off = jaxcnn.set_up()
computed = xla_bridge.backends_are_initialized()
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.jit(lambda x: x + 1)(jnp.ones(3))
folder = jax.config.jax_compilation_cache_dir
kept = len(os.listdir(folder)) if folder else 0
print(json.dumps([off, computed, os.environ["XLA_FLAGS"], folder, kept]))
"""


def in_a_process_of_its_own(before="", **environment):
    environment = {**os.environ, "XLA_FLAGS": "", **environment}
    code = TOLD.format(before=before)
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment
    )
    return json.loads(done.stdout)


def test_before_anything_is_computed_all_is_set_and_no_device_touched():
    off, computed, given, folder, kept = in_a_process_of_its_own()
    assert off is None and not computed
    assert given.split() == [flag for flag in flags.CPU_FLAGS if flag in supported()]
    assert folder.startswith(os.environ["XDG_CACHE_HOME"]) and kept > 0


def test_after_something_was_computed_programs_are_kept_all_the_same():
    off, computed, given, folder, kept = in_a_process_of_its_own("jnp.ones(3) + 1")
    assert "flags for CPUs are off" in off and "jaxcnn.set_up() before" in off
    assert computed and given == "" and kept > 0


def test_the_users_own_cache_is_kept(tmp_path):
    *_, folder, kept = in_a_process_of_its_own(JAX_COMPILATION_CACHE_DIR=str(tmp_path))
    assert folder == str(tmp_path) and kept > 0


@pytest.fixture
def computed(monkeypatch):
    """A process that has computed, with no flags for it to be told of."""
    jax.devices()
    monkeypatch.setenv("XLA_FLAGS", "")


def test_what_is_off_is_one_line(computed):
    off = set_up.set_up()
    assert off is not None and "\n" not in off
    assert os.environ["XLA_FLAGS"] == ""


def test_flags_of_the_users_own_are_not_called_off(computed, monkeypatch):
    names = [flag.partition("=")[0] for flag in flags.CPU_FLAGS]
    monkeypatch.setenv("XLA_FLAGS", " ".join(f"{name}=own" for name in names))
    assert set_up.set_up() is None


def test_flags_that_xla_lacks_are_not_called_off(computed, monkeypatch):
    monkeypatch.setattr(set_up, "supported", frozenset)
    assert set_up.set_up() is None


@pytest.mark.parametrize("has_computed", [True, False])
def test_where_an_accelerator_is_to_compute_flags_for_cpus_are_left_alone(
    computed, monkeypatch, has_computed
):
    monkeypatch.setattr(set_up, "_jax_has_computed", lambda: has_computed)
    monkeypatch.setattr(set_up, "computes_on_cpu", lambda: False)
    assert set_up.set_up() is None and os.environ["XLA_FLAGS"] == ""


FAULTS_OF_A_STEP = """
import resource
import jax, jax.numpy as jnp
import jaxcnn
jax.config.update("jax_compilation_cache_dir", "")
jaxcnn.set_up()
step = jax.jit(lambda x: jnp.sort(x @ x, axis=0).sum())
x = jnp.ones((3000, 3000))
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    step(x).block_until_ready()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print([faults() for _ in range(4)][-1])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_a_step_takes_its_memory_from_what_the_process_keeps(monkeypatch):
    """With jax 0.12 it does not in a thread of XLA's own, where the system gives it anew."""
    for name in ("GLIBC_TUNABLES", "JAX_CPU_ENABLE_ASYNC_DISPATCH"):
        monkeypatch.delenv(name, raising=False)
    done = subprocess.run([sys.executable, "-c", FAULTS_OF_A_STEP], capture_output=True, text=True)
    # The sums and their order are 72 MB: 36 large pages, or 18,000 small ones.
    assert int(done.stdout) < 20, done.stderr
