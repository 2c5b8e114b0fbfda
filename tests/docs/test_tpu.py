"""Every command of docs/tpu.md that names a script is one that it takes."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/tpu.md").read_text()
COMMANDS = [
    line for block in re.findall(r"^```\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]  # fmt: skip
SCRIPTS = [line for line in COMMANDS if line.startswith("tpu_scripts/")]


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """With the scripts: `sync.sh` copies a commit, and an unpacked sdist is no repository."""
    folder = tmp_path_factory.mktemp("repository")
    shutil.copytree(ROOT / "tpu_scripts", folder / "tpu_scripts")
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    return folder


@pytest.mark.parametrize("line", SCRIPTS)
def test_a_script_takes_its_command(line, repository):
    script, *args = shlex.split(line.replace("BUCKET", "bucket"))
    dry = subprocess.run([repository / script, "--dry-run", *args], capture_output=True, text=True)
    assert dry.returncode == 0, dry.stderr
    assert dry.stdout


def test_the_page_goes_from_creation_to_deletion():
    used = [shlex.split(line)[0].removeprefix("tpu_scripts/") for line in SCRIPTS]
    assert used[:7] == [
        "create.sh", "sync.sh", "install.sh", "run.sh", "watch.sh", "run.sh", "run.sh"
    ]  # fmt: skip
    assert used[7] == "delete.sh"
    everything = {path.name for path in (ROOT / "tpu_scripts").glob("*.sh")} - {"flags.sh"}
    assert set(used) == everything
