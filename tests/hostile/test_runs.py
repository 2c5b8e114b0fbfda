"""A stranger's run folder: nothing of the user's is overwritten, deleted or waited for through it.

And a checkpoint that is another run's, or has no checksums, is not taken for the run's own in
silence.
"""

import contextlib
import json
import os
import random
import shutil

import cv2
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from jaxcnn.command.native_messages import native_messages_in
from jaxcnn.errors import UserError
from jaxcnn.evaluate import command as evaluate
from jaxcnn.predict import command as predict
from jaxcnn.run.digests import NAME, damage, write_digests
from jaxcnn.run.lock import locked
from jaxcnn.run.pretrained import read_pretrained
from jaxcnn.train import command as train
from tests.hostile.conftest import within_limits

FLAGS = ("--arch=linear", "--steps=12", "--checkpoint-every-steps=5", "--batch-size=256")
# More than a command has to say of a folder.
MOST_LINES = 3


def trained(folder, *flags):
    assert train.main([*FLAGS, *flags, f"--workdir={folder}"]) == 0
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run, with checkpoints 10 and 12."""
    return trained(tmp_path_factory.mktemp("finished") / "run")


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Another run with checkpoints of the same steps and shapes."""
    return trained(tmp_path_factory.mktemp("other") / "run", "--seed=1")


@pytest.fixture
def run(finished, tmp_path):
    """A copy of the finished run, for a stranger to change; it has yet to be tested."""
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run" / "summary.json").unlink()
    return tmp_path / "run"


@pytest.fixture
def picture(tmp_path):
    cv2.imwrite(str(tmp_path / "picture.png"), np.zeros((8, 8), np.uint8))
    return tmp_path / "picture.png"


@pytest.fixture
def precious(tmp_path):
    """Files of the user's beside the run, which are to be there afterwards as they are."""
    folder = tmp_path / "precious"
    (folder / "12").mkdir(parents=True)
    (folder / "12" / "thesis.txt").write_text("three years")
    before = content_of(folder)
    yield folder
    assert content_of(folder) == before


def content_of(folder):
    return {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


FILES = [
    "lock",
    "wandb-id",
    "xla.log",
    "metrics.jsonl",
    "steps.jsonl",
    "recipe.json.partial",
    "data.json.partial",
    "metrics.jsonl.partial",
    "steps.jsonl.partial",
    "summary.json.partial",
    "data.names.gz.partial",
    "report/curves.png",
    "report/classes.json",
    "tensorboard/events.out.tfevents.1.host",
    "checkpoints/12/SHA256SUMS",
    "checkpoints/12/state/d/more",
    "autotuning/kernel",
]
FOLDERS = [
    "checkpoints",
    "report",
    "tensorboard",
    "autotuning",
    "profile",
    "damaged",
    "checkpoints/12",
]


def replace(path, make):
    path.parent.mkdir(exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    make(path)


@pytest.mark.parametrize("name", FILES)
def test_training_goes_through_no_linked_file(run, precious, refused, name):
    replace(run / name, lambda path: path.symlink_to(precious / "12" / "thesis.txt"))
    said = refused(train.main, *FLAGS, f"--workdir={run}")
    assert f"{run / name} is a symbolic link" in said


@pytest.mark.parametrize("name", FILES)
def test_training_makes_no_file_through_a_link(run, precious, refused, name):
    replace(run / name, lambda path: path.symlink_to(precious / "new"))
    assert "is a symbolic link" in refused(train.main, *FLAGS, f"--workdir={run}")


@pytest.mark.parametrize("name", FOLDERS)
def test_training_goes_through_no_linked_folder(run, precious, refused, name):
    replace(run / name, lambda path: path.symlink_to(precious))
    said = refused(train.main, *FLAGS, f"--workdir={run}")
    assert f"{run / name} is a symbolic link" in said


@pytest.mark.parametrize("name", [*FILES, "report", "checkpoints", "checkpoints/12"])
def test_training_waits_for_no_pipe(run, refused, name):
    replace(run / name, os.mkfifo)
    assert f"{run / name} is a pipe" in refused(train.main, *FLAGS, f"--workdir={run}")


def test_a_partial_file_that_is_a_link_goes_and_not_what_it_leads_to(precious, tmp_path):
    from jaxcnn.files.own_files import write

    (tmp_path / "recipe.json.partial").symlink_to(precious / "12" / "thesis.txt")
    write(tmp_path / "recipe.json", "{}")
    assert (tmp_path / "recipe.json").read_text() == "{}"
    assert {path.name for path in tmp_path.iterdir()} == {"recipe.json", "precious"}


def test_neither_lock_nor_what_native_code_says_goes_through_a_link(precious, tmp_path):
    for name in ("lock", "xla.log"):
        (tmp_path / name).symlink_to(precious / "12" / "thesis.txt")
    with pytest.raises(UserError, match="symbolic link"), locked(tmp_path, pytest.fail):
        pass
    with native_messages_in(tmp_path / "xla.log"):
        os.write(2, b"overwritten\n")


@pytest.mark.parametrize("command", [evaluate, predict])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
@pytest.mark.parametrize("name", ["state/d/0", "SHA256SUMS", "progress/metadata"])
def test_who_reads_a_run_waits_for_no_pipe_or_device(run, picture, refused, name, make, command):
    replace(run / "checkpoints" / "12" / name, make)
    arguments = [str(picture)] if command is predict else []
    said = refused(command.main, f"--workdir={run}", *arguments)
    assert f"checkpoints/12/{name} is a" in said


def test_the_folder_of_a_run_may_be_a_link_and_lie_below_one(run, tmp_path, capfd):
    (tmp_path / "scratch").symlink_to(tmp_path)
    (tmp_path / "mine").symlink_to(tmp_path / "scratch" / "run")
    for workdir in (tmp_path / "mine", tmp_path / "scratch" / "run"):
        (run / "summary.json").unlink(missing_ok=True)
        assert train.main([*FLAGS, f"--workdir={workdir}"]) == 0
        assert evaluate.main([f"--workdir={workdir}"]) == 0


def test_a_checkpoints_folder_on_another_disk_can_be_read(run, tmp_path, capfd):
    (run / "checkpoints").rename(tmp_path / "scratch")
    (run / "checkpoints").symlink_to(tmp_path / "scratch")
    assert evaluate.main([f"--workdir={run}"]) == 0


def summed(folder):
    """As the stranger leaves it who knows of checksums."""
    (folder / NAME).unlink(missing_ok=True)
    write_digests(folder)


@pytest.mark.parametrize("best", ["../../../precious/12", 10**30, 11, -12, None, [12], 12.5])
def test_the_best_step_is_one_of_the_runs_own(run, precious, capfd, best):
    for step in (10, 12):
        path = run / "checkpoints" / str(step) / "progress" / "metadata"
        progress = json.loads(path.read_text())
        path.write_text(json.dumps(progress | {"best": (progress["best"] or {}) | {"step": best}}))
        summed(run / "checkpoints" / str(step))
    with within_limits():
        assert evaluate.main([f"--workdir={run}"]) == 1
    assert capfd.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("name", ["../../../precious/12/thesis.txt", "/dev/zero", "state/../../x"])
def test_a_list_of_checksums_names_files_of_its_checkpoint(run, precious, capfd, name):
    with (run / "checkpoints" / "12" / NAME).open("a") as file:
        file.write(f"{'0' * 64}  {name}\n")
    with within_limits():
        assert f"{name!r} is missing" == damage(run / "checkpoints" / "12")
        # The checkpoint before it names one as the best that is not kept any more.
        assert evaluate.main([f"--workdir={run}"]) == 1
    assert capfd.readouterr().err.count("\n") == 1


def swap(run, other, step):
    shutil.rmtree(run / "checkpoints" / step)
    shutil.copytree(other / "checkpoints" / step, run / "checkpoints" / step)


def test_another_runs_checkpoint_is_not_evaluated_or_predicted_with(run, other, picture, capfd):
    for step in ("10", "12"):
        swap(run, other, step)
    for command, arguments in ((evaluate, []), (predict, [str(picture)])):
        assert command.main([f"--workdir={run}", *arguments]) == 1
        said = capfd.readouterr()
        assert "another run's" in said.err and said.err.count("\n") == 1 and not said.out


def test_another_runs_checkpoint_is_set_aside_and_the_run_goes_on_from_its_own(
    run, other, finished, capfd
):
    swap(run, other, "12")
    assert train.main([*FLAGS, f"--workdir={run}"]) == 0
    assert "checkpoint 12 is damaged (it is another run's)" in capfd.readouterr().err
    for figures in ("val", "test"):
        summaries = [json.loads((f / "summary.json").read_text()) for f in (run, finished)]
        assert summaries[0][figures] == summaries[1][figures]


def test_checkpoints_of_a_run_from_before_they_were_told_apart_are_taken(run, other, capfd):
    data = json.loads((run / "data.json").read_text())
    del data["run"]
    (run / "data.json").write_text(json.dumps(data))
    assert evaluate.main([f"--workdir={run}", "--split=val"]) == 0
    assert capfd.readouterr().err == ""


def test_a_run_with_other_places_and_one_that_is_extended_keep_their_checkpoints(run, capfd):
    assert train.main([*FLAGS, "--workers=0", f"--workdir={run}"]) == 0
    flags = [flag for flag in FLAGS if "steps=12" not in flag]
    assert train.main([*flags, "--steps=14", "--extend", f"--workdir={run}"]) == 0
    assert "going on from step 12" in capfd.readouterr().err
    assert evaluate.main([f"--workdir={run}"]) == 0


def test_a_checkpoint_without_checksums_is_said_to_be_unchecked(run, picture, capfd):
    for step in (10, 12):
        (run / "checkpoints" / str(step) / NAME).unlink()
    line = "has no SHA256SUMS: what it holds is not checked"
    for command, arguments in (
        (evaluate, []),
        (predict, [str(picture)]),
        (train, FLAGS),
    ):
        assert command.main([f"--workdir={run}", *arguments]) == 0
        assert capfd.readouterr().err.count(line) == 1
    assert any(line in note for note in read_pretrained("linear", str(run)).notes)


def test_a_checkpoint_of_other_shapes_is_refused_in_a_line(run, tmp_path, capfd):
    """The stranger's data.json has other classes than the weights."""
    data = json.loads((run / "data.json").read_text())
    del data["run"]
    data["num_classes"], data["class_names"] = 20, []
    (run / "data.json").write_text(json.dumps(data))
    assert evaluate.main([f"--workdir={run}"]) in (1, 2)
    assert capfd.readouterr().err.count("\n") == 1


def flipped(path, rng):
    content = bytearray(path.read_bytes())
    if content:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def cut(path, rng):
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size + 1)])


def grown(path, rng):
    path.write_bytes(path.read_bytes() + rng.randbytes(40))


MUTATIONS = {
    "flipped": flipped,
    "cut": cut,
    "grown": grown,
    "deleted": lambda path, rng: path.unlink(),
    "pipe": lambda path, rng: replace(path, os.mkfifo),
    "folder": lambda path, rng: replace(path, os.mkdir),
    "link": lambda path, rng: replace(path, lambda path: path.symlink_to("/etc/hostname")),
    "dangling link": lambda path, rng: replace(path, lambda path: path.symlink_to("/nowhere")),
}


def holds_for_any_mutation(finished, folder, capfd, mutations, seed, checksums):
    """Evaluation, prediction and training end with a status, and a line where it is not 0."""
    rng = random.Random(seed)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(finished, folder)
    if rng.randrange(2):
        (folder / "summary.json").unlink()
    for mutation in mutations:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        MUTATIONS[mutation](rng.choice(files), rng)
    if checksums:
        for step in (folder / "checkpoints").glob("*"):
            with contextlib.suppress(OSError, UserError):
                summed(step)
    picture = folder.with_name("picture.png")
    cv2.imwrite(str(picture), np.zeros((8, 8), np.uint8))
    for command, arguments in ((evaluate, []), (predict, [str(picture)]), (train, FLAGS)):
        capfd.readouterr()
        with within_limits():
            status = command.main([f"--workdir={folder}", *arguments])
        said = capfd.readouterr().err
        assert status in (0, 1, 2) and "Traceback" not in said, said
        if status:
            assert said.count(f"{command.PROGRAM}: ") >= 1, said
        if command is not train:
            assert said.count("\n") <= MOST_LINES, said


mutated = given(
    st.lists(st.sampled_from(sorted(MUTATIONS)), min_size=1, max_size=2),
    st.integers(0, 2**32),
    st.booleans(),
)
quietly = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=12,
)


@quietly
@mutated
def test_a_changed_run_folder_gives_a_result_or_a_line(
    finished, tmp_path, capfd, mutations, seed, checksums
):
    holds_for_any_mutation(finished, tmp_path / "run", capfd, mutations, seed, checksums)


@pytest.mark.slow
@settings(quietly, max_examples=300)
@mutated
def test_many_changed_run_folders_give_a_result_or_a_line(
    finished, tmp_path, capfd, mutations, seed, checksums
):
    holds_for_any_mutation(finished, tmp_path / "run", capfd, mutations, seed, checksums)
