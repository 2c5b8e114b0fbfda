"""What docs/gpu.md names is there; its commands are those of tests/docs/test_commands.py."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/gpu.md").read_text()


def test_the_extras_that_it_names_are_there():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = set(re.findall(r"-e '\.\[(\w+)\]'", PAGE))
    assert named == {"cuda", "cuda13"} <= extras["optional-dependencies"].keys()
