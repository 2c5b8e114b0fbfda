import io

from rich.console import Console

from jaxcnn.display import show_result

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
