"""`python -m jaxcnn` lists the commands."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from jaxcnn.__main__ import commands, main


def test_every_command_is_listed_with_what_it_does(capsys):
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in ("train", "evaluate", "predict", "plan", "benchmark", "zoo", "data.prepare"):
        (line,) = [line for line in lines if line.startswith(f"python -m jaxcnn.{name} ")]
        assert line.endswith(".") and len(line.split()) > 5


def test_what_is_listed_can_be_run():
    for program in commands():
        assert find_spec(program.removeprefix("python -m "))


@pytest.mark.parametrize(
    ("args", "right"),
    [
        (["train", "--arch=lenet5"], "did you mean python -m jaxcnn.train?"),
        (["predic"], "did you mean python -m jaxcnn.predict?"),
        (["data.prepare"], "did you mean python -m jaxcnn.data.prepare?"),
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
