"""Every command of docs/tpu.md that names a script or a module is one that they take."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from jaxcnn import cli, evaluate, plan, train

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/tpu.md").read_text()
COMMANDS = [
    line for block in re.findall(r"^```\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]  # fmt: skip
SCRIPTS = [line for line in COMMANDS if line.startswith("tpu_scripts/")]
MODULES = [line[line.index("python -m jaxcnn.") :] for line in COMMANDS if "-m jaxcnn." in line]


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


@pytest.mark.parametrize("line", MODULES)
def test_a_module_takes_its_flags(line):
    _, _, module, *args = shlex.split(line)
    # Photographs have the same flags whatever set they are of.
    args = [arg.replace("=imagenet2012", "=image_folder") for arg in args]
    if module == "jaxcnn.train":
        assert train.parse(args).recipe.arch == "resnet50"
    elif module == "jaxcnn.plan":
        assert plan.parse(args).topology == "v5e:4x4"
    else:
        assert module == "jaxcnn.evaluate"
        options = cli.parse(evaluate.Options, args, program="", description="")
        assert options.split == "test"


def test_the_page_goes_from_creation_to_deletion():
    used = [shlex.split(line)[0].removeprefix("tpu_scripts/") for line in SCRIPTS]
    assert used[:7] == [
        "create.sh", "sync.sh", "install.sh", "run.sh", "watch.sh", "run.sh", "run.sh"
    ]  # fmt: skip
    assert used[7] == "delete.sh" and len(MODULES) >= 6
    everything = {path.name for path in (ROOT / "tpu_scripts").glob("*.sh")} - {"flags.sh"}
    assert set(used) == everything
