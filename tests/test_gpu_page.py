"""Every command of docs/gpu.md is one that its program takes."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from jaxcnn import benchmark, cli, selfcheck, train

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/gpu.md").read_text()
BLOCKS = re.findall(r"^```\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
COMMANDS = {
    command
    for text in (*BLOCKS, *re.findall(r"`(python -m [^`\n]*)`", PAGE))
    for command in re.findall(r"python -m jaxcnn\..*", text)
}


@pytest.mark.parametrize("line", sorted(COMMANDS))
def test_a_program_takes_its_flags(line, monkeypatch):
    monkeypatch.setattr(benchmark, "computes_on_cpu", lambda: False)
    _, _, module, *args = shlex.split(line)
    if module == "jaxcnn.train":
        assert train.parse(args).recipe.arch in line
    elif module == "jaxcnn.benchmark":
        options = cli.parse(benchmark.Options, args, program=module, description=None)
        benchmark.check(options)
    else:
        assert module == "jaxcnn.selfcheck"
        selfcheck.check(cli.parse(selfcheck.Options, args, program=module, description=None))


def test_the_extras_that_it_names_are_there():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = set(re.findall(r"-e '\.\[(\w+)\]'", PAGE))
    assert named == {"cuda", "cuda13"} <= extras["optional-dependencies"].keys()
