"""A command line starts itself again with what it wants of the allocator."""

import os
import subprocess
import sys

import pytest

from jaxcnn import cli, launch, plan


@pytest.fixture
def replaced(monkeypatch, tmp_path):
    """What the process would be replaced by; `setting` is the kernel's."""
    calls = []
    monkeypatch.setattr("os.execv", lambda *args: calls.append(args))
    monkeypatch.setattr("platform.libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "jaxcnn.train", "--arch=linear"])
    setting = tmp_path / "enabled"
    monkeypatch.setattr(launch, "LARGE_PAGES_SETTING", setting)
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    return calls, setting


def start():
    with pytest.raises(SystemExit) as end:
        cli.start(lambda: 7)
    return end.value.code


LARGE_PAGES_ON_REQUEST = "always [madvise] never\n"


@pytest.mark.parametrize("setting", [LARGE_PAGES_ON_REQUEST, "[always] madvise never\n", None])
def test_the_process_is_replaced_by_the_same_command_with_these_settings(
    replaced, monkeypatch, setting
):
    calls, path = replaced
    expected = ["glibc.malloc.check=0", launch.FEW_ARENAS]
    if setting is not None:
        path.write_text(setting)
    if setting == LARGE_PAGES_ON_REQUEST:
        expected.append(launch.LARGE_PAGES)
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.check=0")
    start()
    command = [sys.executable, "-m", "jaxcnn.train", "--arch=linear"]
    assert calls == [(sys.executable, command)]
    assert launch.os.environ["GLIBC_TUNABLES"].split(":") == expected
    # The new process does not do it again, and runs the command.
    assert start() == 7 and len(calls) == 1


def test_without_glibc_the_command_just_runs(replaced, monkeypatch):
    calls, setting = replaced
    setting.write_text(LARGE_PAGES_ON_REQUEST)
    monkeypatch.setattr("platform.libc_ver", lambda: ("", ""))
    assert start() == 7 and not calls


def test_settings_of_the_users_own_are_kept(replaced, monkeypatch):
    calls, setting = replaced
    setting.write_text(LARGE_PAGES_ON_REQUEST)
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=0:glibc.malloc.arena_max=2")
    assert start() == 7 and not calls


def test_what_may_not_be_read_is_one_line_that_names_it(capsys):
    def command():
        raise PermissionError(13, "Permission denied", "/secret")

    assert cli.run("program", command) == 2
    assert capsys.readouterr().err.startswith("program: /secret: Permission denied; ")


def test_an_event_loop_that_was_closed_is_no_traceback_and_other_errors_are(monkeypatch, capsys):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    cli.set_up(compilation_cache=False)
    sys.excepthook(RuntimeError, RuntimeError("Event loop is closed"), None)
    assert capsys.readouterr().err == ""
    sys.excepthook(RuntimeError, RuntimeError("something else"), None)
    assert "RuntimeError: something else" in capsys.readouterr().err


def test_a_plan_for_other_devices_compiles_without_the_cpus_flags(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setattr("jaxcnn.planning.step_cost.find_spec", lambda name: None)
    assert plan.main(["--arch=lenet5", "--topology=v5e:2x2"]) == cli.WRONG_INPUT
    assert "xla" not in os.environ["XLA_FLAGS"]


def test_a_program_that_cannot_be_kept_is_compiled_without_a_word(tmp_path):
    code = """
import jax, jax.numpy as jnp
from jaxcnn import cli
from jaxcnn.xla import onednn
from jaxcnn.ops.matmul import matmul
cli.set_up(compilation_cache=True)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
onednn._WORTH_SECONDS = 0.0
a = jnp.ones((2, 3, 3))
print(float(jax.jit(matmul)(a, a).sum()))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
    )
    assert done.stdout.strip() == "54.0" and done.stderr == ""
