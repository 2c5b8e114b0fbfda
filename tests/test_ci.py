"""CI tests with every version of JAX that the package can be installed with."""

import re
import subprocess
import tomllib
from pathlib import Path

import jax
import pytest

ROOT = Path(__file__).parents[1]
RUN = ROOT / ".ci" / "run"


def listed_minors() -> list[tuple[int, int]]:
    listed = re.search(r"^JAX=\((.*)\)$", RUN.read_text(), re.MULTILINE)
    assert listed is not None
    return [(int(major), int(minor)) for major, minor in re.findall(r"(\d+)\.(\d+)", listed[1])]


def test_every_jax_that_can_be_installed_is_one_that_ci_tests_with():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [admitted] = [line for line in project["dependencies"] if re.match(r"jax\b", line)]
    bounds = re.fullmatch(r"jax>=0\.(\d+),<0\.(\d+)", admitted)
    assert bounds is not None, f"{admitted} has no upper bound"
    least, beyond = map(int, bounds.groups())
    assert listed_minors() == [(0, minor) for minor in range(least, beyond)]


def test_this_jax_is_one_that_ci_tests_with():
    assert jax.__version_info__[:2] in listed_minors()


def test_extras_admit_no_other_jax():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    of_jax = [line for line in extras if line.startswith("jax[")]
    assert of_jax and all(re.fullmatch(r"jax\[\w+\]", line) for line in of_jax)


def test_the_script_is_one_that_bash_can_read():
    subprocess.run(["bash", "-n", str(RUN)], check=True)


@pytest.mark.parametrize(
    ("said", "status", "told"),
    [
        ("Found 2 known vulnerabilities in 1 package\nName ...", 1, ""),
        ("No known vulnerabilities found", 0, "no known holes; 0 packages"),
        (
            "No known vulnerabilities found\nzipp  not found and could not be audited: zipp (4.1)",
            0,
            "no known holes; 1 packages",
        ),
        ("requests.exceptions.ConnectionError: HTTPSConnectionPool", 0, "not audited"),
        ("", 0, "not audited"),
    ],
)
def test_an_audit_that_did_not_happen_is_told_from_one_that_found_nothing(said, status, told):
    judge = re.search(r"^judge\(\) \{.*?^\}$", RUN.read_text(), re.MULTILINE | re.DOTALL)
    assert judge is not None
    command = ["bash", "-c", f'{judge[0]}\njudge "$1"', "judge", said]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, told in done.stdout) == (status, True)
