"""No file that is given to the package can make it run code, or write where it was not asked to."""

import ast
from pathlib import Path

import pytest

import jaxcnn

FILES = sorted(Path(jaxcnn.__file__).parent.rglob("*.py"))
# Each runs, or may run, code that a file holds.
UNPICKLERS = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
# Each may write to a path that an archive holds.
EXTRACTORS = {"tarfile", "zipfile", "extractall", "unpack_archive"}
# What a process hands to those it starts, in a file that only its user reads; names in an archive.
HARMLESS = {"handover": {"pickle", "cloudpickle"}, "sources": {"zipfile"}}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nothing_unpickles_or_extracts(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {(node.module or "").split(".")[0], *(alias.name for alias in node.names)}
        elif isinstance(node, ast.Attribute):
            names = {node.attr}
        else:
            names = set()
        harmful = (UNPICKLERS | EXTRACTORS) - HARMLESS.get(path.stem, set())
        assert not names & harmful, f"{path.name}, line {node.lineno}"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert ast.literal_eval(node.value) is False
        if isinstance(node, ast.keyword) and node.arg == "weights_only":
            assert ast.literal_eval(node.value) is True


def test_torch_files_are_read_as_weights_only():
    sources = next(path for path in FILES if path.name == "sources.py").read_text()
    loads = [
        node
        for node in ast.walk(ast.parse(sources))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load"
    ]
    assert loads
    for call in loads:
        assert "weights_only" in {keyword.arg for keyword in call.keywords}
