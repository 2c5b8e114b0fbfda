"""python -m jaxcnn.selfcheck; what each check finds is tested in tests/selfcheck."""

import json
import subprocess
import sys

import pytest

from jaxcnn.selfcheck import command as selfcheck
from jaxcnn.selfcheck import everything
from jaxcnn.selfcheck.ask import ask
from jaxcnn.selfcheck.outcome import Outcome

ROW = {
    "side": "jaxcnn", "arch": "resnet50", "batch_size": 8, "precision": "float32", "mfu": 0.5,
    "images_per_second": 20.0, "lowest": 19.0, "highest": 21.0, "compile_seconds": 9.0,
    "peak_bytes": 10**9,
}  # fmt: skip


@pytest.fixture
def answers(monkeypatch):
    """What each check is made to find, by name."""
    found = {
        "machine": Outcome({"backend": "cpu", "devices": [{"kind": "cpu", "bytes": None}]}),
        "precision": Outcome({"float32": {"dense": 1e-7}}),
        "parity": Outcome({"resnet50": {"logits": 1e-6, "gradients": 1e-5}}),
        "input": Outcome({"images_per_second": 500.0}),
        "peak": Outcome({"flops": 1e11}),
        "runs": Outcome({"equal": {"again": True}}),
        "starts": Outcome({"cold": 20.0}),
        "small": Outcome({"images_per_second": 20_000.0}),
        "speed": Outcome({"rows": [ROW]}, notes=("resnet50 is slow",)),
    }
    monkeypatch.setattr(everything, "ask", lambda name, **_: found[name])
    for name in ("runs", "starts", "speed"):
        monkeypatch.setattr(everything, f"check_{name}", lambda *_, name=name, **__: found[name])
    monkeypatch.setattr(selfcheck.cli, "set_up", lambda **_: None)
    return found


def test_the_file_has_what_was_found(answers, capsys, tmp_path):
    output = tmp_path / "selfcheck.json"
    assert selfcheck.main([f"--output={output}"]) == 0
    found = json.loads(output.read_text())
    assert found["passed"] is True
    names = ["machine", "precision", "parity", "runs", "input", "peak", "speed"]
    assert list(found["checks"]) == names
    for name in names:
        assert found["checks"][name]["figures"] == answers[name].figures
        assert found["checks"][name]["seconds"] >= 0
    out, progress = capsys.readouterr()
    assert "resnet50" in out and "resnet50 is slow" in out
    assert [line.partition(":")[0] for line in progress.splitlines()[:5]] == names[:5]


def test_what_is_slow_is_no_failure_and_what_is_wrong_is_one(answers, capsys, tmp_path):
    answers["parity"] = Outcome({"resnet50": {}}, failures=("resnet50: logits is 1e-2 away",))
    output = tmp_path / "selfcheck.json"
    assert selfcheck.main([f"--output={output}"]) == 1
    assert json.loads(output.read_text())["passed"] is False
    out, progress = capsys.readouterr()
    assert "logits is 1e-2 away" in out and "parity: FAILED" in progress


def test_full_also_starts_cold(answers, capsys):
    assert selfcheck.main(["--full"]) == 0
    progress = capsys.readouterr().err
    assert "starts: fine" in progress and "small: fine" in progress


def test_what_there_is_no_time_for_is_left_out(answers, capsys, tmp_path):
    output = tmp_path / "selfcheck.json"
    assert selfcheck.main(["--minutes=0.01", f"--output={output}"]) == 0
    found = json.loads(output.read_text())["checks"]
    assert found["speed"]["skipped"] == ["speed: no time left"]
    assert "speed: no time left" in capsys.readouterr().out


@pytest.mark.parametrize(
    "args, message",
    [
        (["--minutes=0"], "--minutes=0"),
        (["--output=/no/such/folder/x.json"], "folder does not exist"),
        (["--output=/"], "give a file"),
        (["--ful"], "--full"),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(capsys, args, message):
    assert selfcheck.main(args) == 2
    out, error = capsys.readouterr()
    assert message in error and error.count("\n") == 1 and not out


def test_a_question_is_answered_by_another_process():
    outcome = ask("machine", seconds=120)
    assert outcome.failures == () and outcome.figures["backend"] == "cpu"
    assert {"jax", "jaxlib", "python"} < outcome.figures["versions"].keys()


def test_a_process_that_dies_is_a_failure_in_its_last_words():
    [failure] = ask("peak", seconds=120, precision="float31").failures
    assert failure.startswith("peak: TypeError") and "float31" in failure


def test_a_process_that_takes_too_long_is_left_out():
    outcome = ask("machine", seconds=0.01)
    assert outcome.failures == () and outcome.skipped == ("machine: not done in 0 s",)


@pytest.mark.slow
def test_this_machine_is_right(tmp_path):
    output = tmp_path / "selfcheck.json"
    command = [sys.executable, "-m", "jaxcnn.selfcheck", "--minutes=20", f"--output={output}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(output.read_text())
    assert found["passed"] is True
    assert list(found["checks"]["runs"]["figures"]["equal"].values()) == [True, True]
    assert found["checks"]["speed"]["figures"]["rows"][0]["images_per_second"] > 0
