"""A command in a process of its own, and in one that goes on after it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import jaxcnn
from jaxcnn.__main__ import commands
from tests.command.console_script import console_script

GOES_ON = """
import os, runpy, signal, sys
from jaxcnn.processes.signals import STOPPING
def state():
    return os.getpid(), sys.stderr, [signal.getsignal(number) for number in STOPPING]
before = state()
module, *sys.argv = sys.argv[1:]
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
except SystemExit as end:
    print("status", end.code, before == state())
"""


@pytest.mark.parametrize("args", [["jaxcnn.train", "train"], ["jaxcnn", "jaxcnn", "train"]])
def test_a_program_goes_on_after_a_command_that_it_ran(args):
    """So does a notebook after `%run -m jaxcnn.train`."""
    command = [sys.executable, "-c", GOES_ON, *args, "--arch=nothing", "--no-compilation-cache"]
    ended = subprocess.run(command, capture_output=True, text=True)
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
BY_NAME = [["-m", "jaxcnn", "zoo"], ["SCRIPT", "zoo"]]


@pytest.mark.parametrize("command", [*COMMANDS, ["-Bmjaxcnn.zoo"], *BY_NAME], ids=" ".join)
def test_a_module_beside_somebodys_pictures_is_not_run(command, tmp_path, tmp_path_factory):
    """Whether it stands for what is installed or for what is not."""
    for name in ("tyro", "jax", "numpy", "torch", "tensorflow", "wandb"):
        (tmp_path / f"{name}.py").write_text("import os\nos._exit(99)\n")
    if command[0] == "SCRIPT":
        command = [console_script(tmp_path_factory.mktemp("bin")), *command[1:]]
    ended = subprocess.run(
        [sys.executable, *command, "--nothing=1"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(jaxcnn.__file__).parents[1])},
    )
    assert ended.returncode == 2, ended.stderr


def test_what_a_script_starts_looks_for_modules_where_it_does(tmp_path, tmp_path_factory):
    """Workers import, from the working directory first, before they get their parent's path."""
    (tmp_path / "pickle.py").write_text("import os\nos._exit(99)\n")
    script = console_script(tmp_path_factory.mktemp("bin"))
    code = (
        "import runpy, subprocess, sys\n"
        f"sys.argv = [{script!r}, '--version']\n"
        "try:\n"
        f"    runpy.run_path({script!r}, run_name='__main__')\n"
        "except SystemExit:\n"
        "    subprocess.run([sys.executable, '-c', 'import pickle'], check=True)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(jaxcnn.__file__).parents[1])},
    )
    assert ended.returncode == 0, ended.stderr


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
