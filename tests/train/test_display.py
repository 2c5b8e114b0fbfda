import io
import sys
import time
from types import ModuleType

import pytest
from rich.console import Console

from jaxcnn.errors import RunError
from jaxcnn.train import notebook
from jaxcnn.train.display import Display, show_result

FIGURES = {"n": 10, "top1": 0.5, "top5": 0.9, "loss": 1.0}
SUMMARY = {
    "arch": "lenet5", "dataset": "image_folder", "seed": 0, "params": 1, "steps": 2, "seconds": 3.0,
    "val": FIGURES, "test": FIGURES,
}  # fmt: skip


def shown(summary, tmp_path):
    console = Console(file=io.StringIO(), width=80)
    show_result(console, summary, tmp_path)
    return console.file.getvalue()


def test_examples_left_out_are_counted_and_listed_at_the_end(tmp_path):
    reasons = ["a/[1].jpg is not a picture", "b/2.jpg is damaged"]
    text = shown({**SUMMARY, "left_out": {"train": reasons}}, tmp_path)
    assert "left out of train: 2 examples that cannot be read" in text
    assert all(reason in text for reason in reasons)


def test_where_nothing_was_left_out_nothing_is_said(tmp_path):
    assert "left out" not in shown(SUMMARY, tmp_path)


@pytest.fixture
def outputs(monkeypatch):
    """What a notebook would show: for each output of a cell the pictures it had."""
    shown = []

    class Output:
        def __init__(self, progress):
            self.pictures = []
            self.update(progress)
            shown.append(self.pictures)

        def update(self, progress):
            self.pictures.append(progress._repr_mimebundle_(None, None)["text/plain"])

    ipython = ModuleType("IPython.display")
    vars(ipython)["display"] = lambda shows, display_id=None: Output(shows) if display_id else None
    monkeypatch.setitem(sys.modules, "IPython.display", ipython)
    monkeypatch.setattr(notebook, "SECONDS_BETWEEN_PICTURES", 0.01)
    return shown


def until(pictures, text):
    deadline = time.monotonic() + 30
    while not any(text in picture for picture in pictures):
        assert time.monotonic() < deadline, pictures
        time.sleep(0.01)


def test_a_notebook_shows_one_bar_that_moves_and_says_what_is_done(outputs):
    console = Console(force_jupyter=True)
    with Display(console, total_steps=8, num_epochs=2) as display:
        (pictures,) = outputs
        display.phase("compiling the training step")
        until(pictures, "compiling the training step")
        display.step(2, 1, {"n": 16, "top1": 0.25, "loss": 1.5}, 1000.0)
        until(pictures, "epoch 1/2")
        until(pictures, "loss 1.500")
        display.say("a line")
    assert len(outputs) == 1
    assert "done" in pictures[-1]


def test_a_run_that_fails_leaves_the_bar_where_it_was(outputs):
    with (
        pytest.raises(RunError),
        Display(Console(force_jupyter=True), total_steps=8, num_epochs=2) as display,
    ):
        display.phase("validating epoch 1")
        raise RunError("the disk is full")
    assert "validating epoch 1" in outputs[0][-1]


def test_a_process_that_shows_nothing_shows_no_bar_in_a_notebook(outputs):
    with Display(Console(force_jupyter=True, quiet=True), total_steps=8, num_epochs=2):
        pass
    assert not outputs
