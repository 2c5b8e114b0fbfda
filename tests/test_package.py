"""What is built of this tree has all that its users, and the tests of those who unpack it, need."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import jaxcnn
from jaxcnn.__main__ import commands

ROOT = Path(jaxcnn.__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FOLDERS = (".ci", "benchmarks", "docs", "experiments", "jaxcnn", "tests", "tpu_scripts")
PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md")
FILES = (*PAGES, ".dockerignore", "LICENSE", "MANIFEST.in", "pyproject.toml")
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


@pytest.fixture(scope="module")
def run_installed(built, tmp_path_factory):
    """`run(*command)` in a folder where no checkout is, with the wheel that `pip install` has put
    beside the packages of this Python; `jaxcnn` is its script."""
    prefix, elsewhere = tmp_path_factory.mktemp("prefix"), tmp_path_factory.mktemp("elsewhere")
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--no-compile"]
    install = [*pip, "--ignore-installed", f"--prefix={prefix}", str(built[2])]
    subprocess.run(install, check=True, capture_output=True)
    (packages,) = prefix.glob("**/site-packages")
    (script,) = prefix.glob("*/jaxcnn*")
    environment = {**os.environ, "PYTHONPATH": str(packages)}

    def run(program, *args):
        command = [script if program == "jaxcnn" else program, *args]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=elsewhere, env=environment
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run.folder, run.packages = elsewhere, packages
    return run


def test_an_installed_wheel_is_what_runs(run_installed):
    """Not the checkout, which this Python may have installed as well."""
    where = run_installed(sys.executable, "-c", "import jaxcnn; print(jaxcnn.__file__)")
    assert Path(where.strip()) == run_installed.packages / "jaxcnn/__init__.py"


def test_an_installed_wheel_lists_its_commands_and_models(run_installed):
    _, *lines = run_installed("jaxcnn").splitlines()
    assert [f"python -m jaxcnn.{line.split()[0]}" for line in lines] == list(commands())
    assert run_installed("jaxcnn", "--version") == f"jaxcnn {jaxcnn.__version__}\n"
    assert "lenet5" in run_installed("jaxcnn", "zoo", "lenet*")


def test_an_installed_wheel_trains_without_the_checkout(run_installed):
    """With a worker, a process that has to find the package by itself."""
    run_installed("jaxcnn", "train", "--arch=linear", "--steps=2", "--workers=1", "--workdir=run")
    summary = json.loads((run_installed.folder / "run/summary.json").read_text())
    assert summary["arch"] == "linear" and summary["test"]["n"] == 360


def test_an_installed_wheel_has_the_goldens_that_its_check_compares_with(run_installed):
    child = [sys.executable, "-m", "jaxcnn.selfcheck.child", "parity"]
    outcome = json.loads(run_installed(*child, '{"models": ["vit_tiny_patch16_224"]}'))
    assert outcome["figures"].keys() == {"vit_tiny_patch16_224"} and outcome["failures"] == []


def test_versions_of_python_that_are_promised_are_those_that_can_install():
    least = tuple(map(int, PROJECT["requires-python"].removeprefix(">=").split(".")))
    versions = [name.split(" :: ")[-1] for name in PROJECT["classifiers"] if "Python :: 3." in name]
    assert least == min(tuple(map(int, version.split("."))) for version in versions)
