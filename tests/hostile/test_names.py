"""Names that a terminal would obey, that hide, or that a page or a figure takes for its own."""

import csv
import io
import json
import re
import traceback
from itertools import product
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from jaxcnn import sweeps
from jaxcnn.command import cli
from jaxcnn.data.inspect import command as inspect
from jaxcnn.data.inspect import survey_report
from jaxcnn.data.inspect.survey_report import _shown, _table
from jaxcnn.errors import UserError
from jaxcnn.evaluate import command as evaluate
from jaxcnn.predict import command as predict
from jaxcnn.text.figure_text import drawn
from jaxcnn.text.lines import say, say_on
from jaxcnn.text.phrases import MOST_OF_A_LINE, MOST_OF_A_NAME, first_few, printable
from jaxcnn.train import command as train
from jaxcnn.train.display import show_result
from tests.hostile.conftest import within_limits

NAMES = [
    "a\x1b[31mred", "=cmd()", "[bold]x[/bold]", "$\\frac$", "<b>x</b>", "a|b", "x\u202egpj.exe",
    "new\nline", ":smile:", "\u200bnothing", "9" * 300,
]  # fmt: skip
DAMAGED = "[red]bad\x1b]0;\x07\u202e.png"
# What must not reach a terminal, a page or a figure; a line break ends a line of ours.
RAW = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069]")
TEXT = st.text(st.characters(codec=None), max_size=40)
FEW = settings(max_examples=50, deadline=None)


def test_what_is_not_seen_or_is_obeyed_is_escaped():
    assert [printable(name) for name in NAMES[:3] + NAMES[6:8]] == [
        "a\\x1b[31mred", "=cmd()", "[bold]x[/bold]", "x\\u202egpj.exe", "new\\nline"
    ]  # fmt: skip
    assert printable("\udcff\u0085\u2028c\u200dat") == "\\udcff\\x85\\u2028c\\u200dat"


@pytest.mark.parametrize(
    "name",
    [
        "猫 3.01\u202fPM",
        "قطة",
        "می\u200cخواهم",
        "👩\u200d🔬 🏳️\u200d🌈",
        "e\u0301té",
        "C:\\x",
        "二\u3000",
    ],
)
def test_a_name_in_any_script_is_shown_as_it_is(name):
    assert printable(name) == name


@FEW
@given(TEXT)
def test_what_is_printable_stays_so(text):
    shown = printable(text)
    assert not RAW.search(shown) and "\n" not in shown and printable(shown) == shown
    shown.encode()


def test_of_a_name_without_end_the_middle_is_left_out():
    with within_limits():
        shown = printable("begin" + "\x1b" * 10**7 + "end")
    assert len(shown) == MOST_OF_A_LINE and shown.startswith("begin") and shown.endswith("end")
    assert len(first_few(["n" * 10**6, "m"])) < MOST_OF_A_NAME + 10


def on_a_console(show):
    console = Console(file=io.StringIO(), width=200)
    show(console)
    return console.file.getvalue()


@FEW
@given(TEXT)
@example(f"[bold]x[/bold] :smile: {'word ' * 100}")
def test_a_line_is_one_line_as_it_was_said(text):
    stream = io.StringIO()
    say(text, stream)
    assert stream.getvalue() == on_a_console(lambda console: say_on(console, text))
    assert stream.getvalue() == printable(text) + "\n"


@FEW
@given(TEXT)
def test_a_table_shows_names_as_they_are(text):
    figures = {"n": 1, "top1": 0.5, "loss": 1.0}
    summary = {"arch": "lenet5", "dataset": text, "seed": 0, "params": 1, "steps": 1}
    summary |= {"seconds": 1.0, "val": figures, "test": figures, "left_out": {"train": [text]}}
    shown = on_a_console(lambda console: show_result(console, summary, SimpleNamespace()))
    assert f"  {printable(text)}\n" in shown and not RAW.search(shown)
    table = sweeps.table({text: [summary]})
    assert not RAW.search(on_a_console(lambda console: console.print(table)))


def test_markup_and_emoji_in_a_tables_names_are_text():
    figures = {"test": {"top1": 0.5}, "params": 1}
    table = sweeps.table({name: [figures] for name in NAMES})
    assert isinstance(table, Table)
    shown = on_a_console(lambda console: console.print(table))
    assert all(printable(name) in shown for name in NAMES if len(name) < 100)


@FEW
@given(TEXT)
def test_a_page_has_no_tag_but_its_own(text):
    page = _shown(text) + _table([text], [[text]])
    assert not RAW.search(page)
    assert set(re.findall(r"<(\w+)", page)) == {"bdi", "table", "tr", "th", "td"}
    page.encode()


@FEW
@given(TEXT)
def test_a_figures_name_is_short_and_on_one_line(text):
    assert not RAW.search(drawn(text)) and len(drawn(text)) <= 40 and "\n" not in drawn(text)


def raised(error):
    def command():
        raise error

    return command


@pytest.mark.parametrize("name", NAMES)
def test_an_error_is_one_line_whatever_it_quotes(name, capsys):
    for error in (UserError(name), PermissionError(13, "no leave", name)):
        assert cli.run("program", raised(error)) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1 and not RAW.search(told)


def test_a_traceback_obeys_no_name(capsys):
    try:
        raise KeyError("x") from ValueError("a\x1b[31mred")
    except KeyError as error:
        cli._without_closed_loops(KeyError, error, error.__traceback__)
        told = capsys.readouterr().err
        assert "\\x1b[31mred" in told and not RAW.search(told)
        assert len(told.splitlines()) == len(traceback.format_exc().splitlines())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An image folder whose classes and pictures have such names; one picture is damaged."""
    folder = tmp_path_factory.mktemp("names")
    rng = np.random.default_rng(0)
    with (folder / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label", "split"])
        for name, (number, split) in product(NAMES, enumerate(("train", "train", "val", "test"))):
            path = f"{NAMES.index(name)}-{number}\x1b[31m\u202e<b>.png"
            cv2.imwrite(str(folder / path), rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))
            rows.writerow([path, name, split])
        rows.writerow([DAMAGED, NAMES[0], "train"])
    (folder / DAMAGED).write_bytes(b"\x89PNG\r\n\x1a\n no picture")
    return folder


def test_a_run_on_strange_names_shows_none_of_them_raw(folder, tmp_path, capsys, recwarn, drawn):
    data = [f"--data-dir={folder}", f"--labels={folder / 'labels.csv'}"]
    run, page = tmp_path / "run", tmp_path / "page"
    flags = ["--arch=lenet5", "--dataset=image_folder", "--steps=2", "--batch-size=8"]
    flags += ["--image-size=32", "--on-error=skip", f"--workdir={run}", "--no-compilation-cache"]
    picture = str(next(folder.glob("0*.png")))
    assert inspect.main(["--dataset=image_folder", *data, f"--output={page}"]) == 0
    with drawn():
        assert train.main([*flags, *data]) == 0
    for args in ([], ["--explain=grad_cam", f"--output={tmp_path / 'why'}"], ["--json"]):
        assert predict.main([f"--workdir={run}", "--top-k=11", *args, picture]) == 0
    assert predict.main([f"--workdir={run}", str(folder)]) == 1
    assert evaluate.main([f"--workdir={run}", "--no-compilation-cache"]) == 0
    told = capsys.readouterr()
    for text in (told.out, told.err, (page / "index.html").read_text()):
        assert not RAW.search(text), RAW.search(text)
    assert "left out of train: 1 examples" in told.err and printable(DAMAGED) in told.err
    assert "a\\x1b[31mred" in told.out and "[bold]x[/bold]" in told.out and ":smile:" in told.out
    assert "<b>" not in (page / "index.html").read_text()
    # Files for programs keep the names as they are.
    assert set(NAMES) <= json.loads((run / "report/classes.json").read_text()).keys()
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_a_splits_name_is_no_path(tmp_path, monkeypatch):
    figure = Figure()
    monkeypatch.setattr(survey_report, "summary", lambda found: {})
    monkeypatch.setattr(
        survey_report, "_page", lambda found, picture: picture('copies-../../"><b>', figure)
    )
    page = survey_report.write_report(tmp_path / "a/b/page", SimpleNamespace())
    assert {path.parent for path in tmp_path.rglob("*.png")} == {page.parent}
    assert set(re.findall(r"<(\w+)", page.read_text())) == {"p", "img"}
