"""A run that learns from another: to the bit, from that teacher alone, and with no copy of it."""

import io
import json
import shutil
from dataclasses import fields, replace

import chex
import pytest
from rich.console import Console

from jaxcnn.data import dataset_spec
from jaxcnn.engine.feed import Feed
from jaxcnn.engine.state import TrainState
from jaxcnn.errors import Interrupted, UserError
from jaxcnn.evaluate import command as evaluate
from jaxcnn.plan import command as plan
from jaxcnn.recipe import Mesh, Recipe, check
from jaxcnn.run.teacher import read_teacher
from jaxcnn.train.fit import fit
from tests.train.stops import at_look
from tests.train.test_loop import state_at

TEACHER = Recipe("linear", epochs=1, batch_size=256, image_size=8, mesh=Mesh(data=1), test=False)


def fitted(recipe, folder, **kwargs):
    console = Console(file=io.StringIO(), width=400)
    return fit(recipe, folder, console=console, **kwargs), console.file.getvalue()


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher")
    fitted(TEACHER, folder)
    return folder


@pytest.fixture(scope="module")
def student(teacher):
    return replace(TEACHER, seed=1, epochs=2, distill=str(teacher), data_on_device="no")


@pytest.fixture(scope="module")
def alone(student, tmp_path_factory):
    folder = tmp_path_factory.mktemp("student")
    return folder, *fitted(student, folder)


def test_a_run_says_and_keeps_who_taught_it_and_needs_no_teacher_afterwards(
    alone, teacher, student, capsys
):
    folder, summary, said = alone
    assert f"learning from {teacher} (SHA-256" in said
    kept = json.loads((folder / "data.json").read_text())["teacher"]
    assert kept["source"] == str(teacher) and list(kept["sha256"]) == ["its arrays"]
    hidden = teacher.with_name("hidden")
    shutil.move(teacher, hidden)
    try:
        assert fitted(student, folder)[0] == summary, "a finished run asks for none"
        assert evaluate.main([f"--workdir={folder}", "--split=val"]) == 0
        assert json.loads(capsys.readouterr().out)["top1"] == summary["val"]["top1"]
    finally:
        shutil.move(hidden, teacher)


def test_the_teacher_is_no_part_of_the_checkpoints(alone):
    folder, summary, _ = alone
    state = state_at(folder, summary["steps"])
    assert set(state) == {field.name for field in fields(TrainState)}
    assert list(state["params"]) == ["head"]


def test_a_stopped_run_goes_on_to_the_bit_and_with_no_other_teacher(
    alone, teacher, student, tmp_path
):
    folder, summary, _ = alone
    with pytest.raises(Interrupted):
        fitted(student, tmp_path, stop_when_asked=at_look(7))
    put_aside = teacher.with_name("aside")
    shutil.move(teacher, put_aside)
    try:
        fitted(replace(TEACHER, seed=5), teacher)
        with pytest.raises(UserError, match="is not the one that the run in"):
            fitted(student, tmp_path)
    finally:
        shutil.rmtree(teacher)
        shutil.move(put_aside, teacher)
    stopped, _ = fitted(student, tmp_path)
    assert {**stopped, "seconds": 0} == {**summary, "seconds": 0}
    ours, theirs = (state_at(each, summary["steps"]) for each in (folder, tmp_path))
    chex.assert_trees_all_equal(ours, theirs)


def read(recipe, **changes):
    feed = Feed(replace(recipe, **changes))
    return read_teacher(feed.recipe, feed.spec, feed.input)


def test_classes_come_to_the_teachers_by_name_and_others_are_refused(student):
    feed = Feed(student)
    digits = dataset_spec("digits")
    turned = replace(digits, class_names=digits.class_names[::-1])
    assert read_teacher(student, digits, feed.input).teacher.columns is None
    assert read_teacher(student, turned, feed.input).teacher.columns == tuple(range(9, -1, -1))
    strange = replace(digits, class_names=("cat", *digits.class_names[1:]))
    with pytest.raises(UserError, match="does not know 1 of the classes of digits: cat"):
        read_teacher(student, strange, feed.input)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"distill": "nowhere"}, "--distill=nowhere: there is no such file, and no such run"),
        ({"distill_arch": "mlp"}, "is a run of linear, not mlp"),
        ({"image_size": 12, "resize": "pad"}, "give --image-size=8 --resize="),
        ({"distill": "weights.safetensors"}, "give --distill-arch=NAME"),
        ({"distill": "none.pth", "distill_arch": "linear"}, "no weights at none.pth"),
    ],
)
def test_a_teacher_that_cannot_teach_is_refused_in_a_line(
    student, tmp_path, monkeypatch, changes, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match=message):
        read(student, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"distill": None, "distill_weight": 0.5}, "--distill-weight is of a teacher"),
        ({"distill_loss": "hard", "distill_temperature": 2.0}, "is of --distill-loss=soft"),
        ({"loss": "bce"}, "--distill takes probabilities of one class each"),
        ({"distill_weight": 1.5}, "--distill-weight=1.5"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(student, changes, message):
    with pytest.raises(UserError, match=message):
        check(replace(student, **changes))


def test_a_plan_refuses_a_teacher(teacher, capsys):
    assert plan.main(["--arch=linear", f"--distill={teacher}"]) == 2
    assert "leave --distill out" in capsys.readouterr().err
