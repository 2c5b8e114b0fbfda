"""`jaxcnn COMMAND` is `python -m jaxcnn.COMMAND`; without a command it lists them."""

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

import jaxcnn
from jaxcnn.__main__ import commands, main
from tests.command.console_script import console_script
from tests.train.test_command import caught_by

CHECKOUT = {**os.environ, "PYTHONPATH": str(Path(jaxcnn.__file__).parents[1])}


@pytest.fixture(params=["script", "-m jaxcnn"])
def jaxcnn_command(request, tmp_path_factory):
    """The words before a command's name."""
    if request.param == "script":
        return [sys.executable, console_script(tmp_path_factory.mktemp("bin"))]
    return [sys.executable, "-m", "jaxcnn"]


def start(command, folder, **options):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env=CHECKOUT, **pipes, **options)


def test_every_command_is_listed_with_what_it_does(capsys):
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in ("train", "evaluate", "predict", "plan", "benchmark", "zoo", "data.prepare"):
        (line,) = [line for line in lines if line.split()[0] == name]
        assert line.endswith(".") and len(line.split()) > 5


def test_what_is_listed_can_be_run():
    for program in commands():
        assert find_spec(f"{program.removeprefix('python -m ')}.__main__")


def test_the_version_is_the_packages(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"jaxcnn {jaxcnn.__version__}\n"


@pytest.mark.parametrize(
    ("args", "right"),
    [
        (["predic"], "did you mean predict?"),
        (["jaxcnn.train", "--arch=lenet5"], "did you mean train?"),
        (["prepare"], "did you mean data.prepare?"),
        (["../zoo"], "did you mean zoo?"),
        (["--arch=lenet5"], "alone it lists the commands"),
    ],
)
def test_any_other_word_is_one_line_with_the_right_command(capsys, args, right):
    assert main(args) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1 and right in told.err


def test_the_list_waits_for_no_import_of_jax():
    code = "import sys, jaxcnn.__main__ as m; m.main([]); assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_command_by_name_ends_as_the_command_does(jaxcnn_command, tmp_path):
    run = start([*jaxcnn_command, "train", "--arch=nothing"], tmp_path)
    out, printed = run.communicate(timeout=60)
    assert (run.returncode, out, printed.count("\n")) == (2, "", 1)
    assert printed.startswith("python -m jaxcnn.train: unknown model 'nothing'")


def test_a_signal_to_a_command_by_name_is_one_line_from_the_first(jaxcnn_command, tmp_path):
    """The process is the command's own: see `is_own_process`."""
    run = start([*jaxcnn_command, "train", "--arch=lenet5", "--workdir=run"], tmp_path)
    deadline = time.monotonic() + 60
    while not caught_by(run.pid, signal.SIGTERM) and time.monotonic() < deadline:
        time.sleep(0.005)
    run.send_signal(signal.SIGTERM)
    _, printed = run.communicate(timeout=60)
    assert run.returncode == 0
    assert printed == "python -m jaxcnn.train: stopped by SIGTERM, with nothing under way\n"


@pytest.mark.parametrize("args", [["zoo"], []], ids=["a command", "the list"])
def test_a_reader_that_has_enough_is_no_traceback(jaxcnn_command, args, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    command = [*jaxcnn_command, *args]
    ended = subprocess.run(
        command, stdout=writer, stderr=subprocess.PIPE, cwd=tmp_path, env=CHECKOUT, timeout=60
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (1, b"")
