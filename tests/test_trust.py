"""No file that is given to the package can make it run code, or write where it was not asked to."""

import argparse
import ast
import io
import os
import pickle
from pathlib import Path

import pytest

import jaxcnn
from jaxcnn.weights import torch_files

FILES = sorted(Path(jaxcnn.__file__).parent.rglob("*.py"))
# Each runs, or may run, code that a file holds.
UNPICKLERS = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
# Each may write to a path that an archive holds.
EXTRACTORS = {"tarfile", "zipfile", "extractall", "unpack_archive"}
# What a process hands to those it starts, in a file that only its user reads; an unpickler that
# imports nothing, see below; names and places in an archive.
HARMLESS = {
    "handover": {"pickle", "cloudpickle"},
    "torch_files": {"pickle", "zipfile"},
    "sources": {"zipfile"},
}


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


@pytest.mark.parametrize("named", [os.system, exec, argparse.Namespace, Path])
def test_what_a_file_of_torchs_names_is_not_imported(named):
    stands_for = torch_files._Unpickler(io.BytesIO(pickle.dumps(named))).load()
    assert type(stands_for).__module__ == torch_files.__name__
