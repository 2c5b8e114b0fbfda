"""Runs at full length, as README's commands start them."""

import json
import os
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_the_default_command_learns_the_digits(tmp_path):
    command = [sys.executable, "-m", "jaxcnn.train", "--arch=efficientnet_b0"]
    # Without the suite's flags, which compile fast and run slowly.
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    subprocess.run([*command, f"--workdir={tmp_path}"], check=True, env=environment)
    assert json.loads((tmp_path / "summary.json").read_text())["test"]["top1"] >= 0.95
