import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_a_run_killed_in_every_phase_ends_as_one_that_was_left_alone(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.train.chaos", "--kills=5", f"--workdir={tmp_path}"],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("\nkill ") + done.stdout.startswith("kill ") == 5
    assert "after 5 kills the run is equal to one that was left alone" in done.stdout
