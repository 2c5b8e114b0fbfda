"""What is built of this tree has all that its users, and the tests of those who unpack it, need."""

import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import jaxcnn

ROOT = Path(jaxcnn.__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FOLDERS = (".ci", "benchmarks", "docs", "experiments", "jaxcnn", "tests", "tpu_scripts")
FILES = (".dockerignore", "LICENSE", "MANIFEST.in", "README.md", "pyproject.toml")
BUILD = (
    "from setuptools import build_meta; build_meta.build_sdist('.'); build_meta.build_wheel('.')"
)
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*_cache", ".venv", "venv", ".hypothesis")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A copy of the tree, so that nothing is left in it and nothing of an earlier build is read."""
    folder = tmp_path_factory.mktemp("tree")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=LEFT_OUT)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    subprocess.run([sys.executable, "-c", BUILD], cwd=folder, check=True, capture_output=True)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return files, sdist, wheel


def test_an_sdist_has_every_file_that_a_checkout_has(built):
    files, sdist, _ = built
    with tarfile.open(sdist) as archive:
        packed = {member.name.partition("/")[2] for member in archive if member.isfile()}
    assert files <= packed


def test_a_wheel_has_the_package_and_nothing_else(built):
    files, _, wheel = built
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == {file for file in files if file.startswith("jaxcnn/")}
    assert "jaxcnn/py.typed" in packed


def test_versions_of_python_that_are_promised_are_those_that_can_install():
    least = tuple(map(int, PROJECT["requires-python"].removeprefix(">=").split(".")))
    versions = [name.split(" :: ")[-1] for name in PROJECT["classifiers"] if "Python :: 3." in name]
    assert least == min(tuple(map(int, version.split("."))) for version in versions)
