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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "lr"),
    [
        ("sgd", 0.1),
        ("adamw", 4e-3),
        ("rmsprop", 3e-3),
        ("lamb", 1e-2),
        ("lion", 5e-4),
        ("muon", 0.02),
    ],
)
def test_every_optimiser_learns_the_digits(tmp_path, name, lr):
    command = [sys.executable, "-m", "jaxcnn.train", "--arch=resnet20", "--epochs=8"]
    command += [f"--optim.name={name}", f"--optim.lr={lr}", "--optim.weight-decay=1e-4"]
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    subprocess.run([*command, f"--workdir={tmp_path}"], check=True, env=environment)
    assert json.loads((tmp_path / "summary.json").read_text())["val"]["top1"] >= 0.95
