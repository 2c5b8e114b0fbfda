"""A command in a process of its own, and in one that goes on after it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import jaxcnn
from jaxcnn.__main__ import commands

GOES_ON = """
import os, runpy, signal, sys
from jaxcnn.processes.signals import STOPPING
def state():
    return os.getpid(), sys.stderr, [signal.getsignal(number) for number in STOPPING]
before = state()
sys.argv = ["train", "--arch=nothing", "--no-compilation-cache"]
try:
    runpy.run_module("jaxcnn.train", run_name="__main__", alter_sys=True)
except SystemExit as end:
    print("status", end.code, before == state())
"""


def test_a_program_goes_on_after_a_command_that_it_ran():
    """So does a notebook after `%run -m jaxcnn.train`."""
    ended = subprocess.run([sys.executable, "-c", GOES_ON], capture_output=True, text=True)
    assert ended.stdout == "status 2 True\n", ended.stderr
    assert "unknown model 'nothing'" in ended.stderr


@pytest.mark.parametrize(
    ("options", "own"), [([], "True"), (["-m", "pdb", "-c", "continue"], "False")]
)
def test_a_process_is_a_commands_own_unless_another_program_runs_it(tmp_path, options, own):
    code = "from jaxcnn.command.launch import is_own_process\nprint('own', is_own_process())\n"
    (tmp_path / "command.py").write_text(code)
    ended = subprocess.run(
        [sys.executable, *options, "-m", "command"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=tmp_path,
        timeout=60,
    )
    assert f"own {own}\n" in ended.stdout, ended.stderr


COMMANDS = sorted(["-m", program.rpartition(" ")[2]] for program in commands())


@pytest.mark.parametrize("command", [*COMMANDS, ["-Bmjaxcnn.zoo"]], ids=lambda args: args[-1])
def test_a_module_beside_somebodys_pictures_is_not_run(command, tmp_path):
    """Whether it stands for what is installed or for what is not."""
    for name in ("tyro", "jax", "numpy", "torch", "tensorflow", "wandb"):
        (tmp_path / f"{name}.py").write_text("import os\nos._exit(99)\n")
    ended = subprocess.run(
        [sys.executable, *command, "--nothing=1"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(jaxcnn.__file__).parents[1])},
    )
    assert ended.returncode == 2, ended.stderr


def test_a_checkouts_own_folder_is_left_in():
    """There `python -m jaxcnn.zoo` finds jaxcnn itself by it."""
    ended = subprocess.run(
        [sys.executable, "-m", "jaxcnn.zoo", "--arch=lenet5"],
        capture_output=True,
        text=True,
        cwd=Path(jaxcnn.__file__).parents[1],
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    assert ended.returncode == 0, ended.stderr
