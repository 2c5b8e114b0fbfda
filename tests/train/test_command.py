"""The command line as a person types it."""

import ast
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.evaluate import command as evaluate_module
from jaxcnn.predict import command as predict_module
from jaxcnn.recipe import fields as recipe_module
from jaxcnn.recipe import recipe_for
from jaxcnn.train import command as train_module
from jaxcnn.train.command import main, parse


def test_flags_default_to_the_recipe_of_the_architecture_and_data_set():
    assert parse(["--arch=resnet20", "--dataset=cifar10"]).recipe == recipe_for(
        "resnet20", "cifar10"
    )
    options = parse(["--arch", "lenet5", "--optim.lr=0.5", "--mesh.fsdp", "2", "--seed=3"])
    recipe = options.recipe
    assert (recipe.optim.lr, recipe.mesh.fsdp, recipe.seed) == (0.5, 2, 3)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--arch=resnet5"], "unknown model 'resnet5'; did you mean 'resnet5"),
        ([], "--arch=NAME is missing"),
        (["--arch=lenet5", "--dataset=cifar1"], "unknown data set 'cifar1'; did you mean 'cifar10"),
        (["--arch=lenet5", "--optim.lr=fast"], "--optim.lr: could not convert string to float"),
        (["--arch=lenet5", "--optim.name=sdg"], "invalid choice 'sdg'"),
        (["--arch=lenet5", "--epoch=3"], "--epoch=3; did you mean --epochs?"),
        (["--arch=lenet5", "--determinstic"], "--determinstic; did you mean --deterministic?"),
        (["--arch=lenet5", "--epohcs=3"], "--epohcs=3; did you mean --epochs? (--help lists"),
        (["--arch=lenet5", "--epohcs", "3"], "--epohcs, 3; did you mean --epochs? (--help lists"),
        (["--epohcs=3"], "missing, and no flag is called --epohcs; did you mean --epochs?"),
        (["--acrh=lenet5"], "missing, and no flag is called --acrh; did you mean --arch?"),
        (["--arch=lenet5", "--optim.lrr=1", "--sede=1"], "did you mean --optim.lr, --seed?"),
        (["--arch=lenet5", "--lr=1"], "--lr=1; did you mean --optim.lr?"),
        (["--arch=lenet5", "--batchsize=8"], "--batchsize=8; did you mean --batch-size?"),
        (["--arch=lenet5", "--nothing-like-it"], "options: --nothing-like-it (--help lists"),
        (["--arch=lenet5", "--epochs"], "--epochs"),
        (["--arch"], "--arch"),
        (["--arch=lenet5", "--epochs=0"], "--epochs=0 is out of range"),
        (["--arch=lenet5", "--dataset=mnist", "--data-dir=/nowhere"], "/nowhere"),
        (["--arch=lenet5", "--augment.flip"], "flip changes the label of digits"),
    ],
)
def test_wrong_input_exits_2_with_one_line(args, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*args, "--no-compilation-cache"]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_default_batch_that_follows_the_pictures_is_kept_when_they_are_gone(
    tmp_path, monkeypatch, capsys
):
    """28 pictures of noise: batches of 4 in place of 64."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(14):
            picture = rng.integers(256, size=(10, 12, 3), dtype=np.uint8)
            cv2.imwrite(str(tmp_path / "photos" / name / f"{number}.png"), picture)
    args = ["--arch=linear", "--dataset=image_folder", "--data-dir=photos", "--image-size=8"]
    args += ["--steps=1", "--workers=0", "--mesh.data=1", "--no-compilation-cache"]
    assert main(args) == 0
    folder = tmp_path / "runs" / "linear-image_folder-s0"
    assert json.loads((folder / "recipe.json").read_text())["batch_size"] == 4

    (tmp_path / "photos").rename(tmp_path / "moved")
    assert main(args) == 0
    capsys.readouterr()
    assert main([*args, "--batch_size=8"]) == 2
    assert "--batch-size: 4 != 8" in capsys.readouterr().err


def test_help_lists_the_flags_and_exits_0(capsys):
    with pytest.raises(SystemExit) as end:
        parse(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for flag in ("--arch", "--optim.lr", "--mesh.fsdp", "--augment.mixup", "--workdir"):
        assert flag in text


@pytest.mark.parametrize("module", [recipe_module, train_module, evaluate_module, predict_module])
def test_every_flag_has_help(module):
    """A flag's help is the string below its field; a group of flags has its class's."""
    classes = [
        node
        for node in ast.parse(Path(module.__file__).read_text()).body
        if isinstance(node, ast.ClassDef)
    ]
    groups = ("Optim", "Schedule", "Augment", "Mesh", "Model", "Distributed", "Annotated[Recipe")
    groups += ("Plugins",)  # Several commands have it; its help is in its type.
    for node in classes:
        for field, after in zip(node.body, [*node.body[1:], None], strict=True):
            if isinstance(field, ast.AnnAssign):
                annotation = ast.unparse(field.annotation)
                is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                assert is_text or annotation.startswith(groups), ast.unparse(field)


def test_a_value_that_names_no_flag_is_refused():
    with pytest.raises(UserError, match="--nonsense"):
        parse(["--arch=lenet5", "--nonsense=1"])


@pytest.mark.parametrize(
    ("number", "status", "workers"),
    [(signal.SIGINT, 1, 0), (signal.SIGTERM, 0, 1), (signal.SIGHUP, 0, 1)],
)
def test_a_signal_saves_and_the_last_line_says_how_to_go_on(tmp_path, number, status, workers):
    """A signal to all processes of the run, as a terminal or a scheduler sends it."""
    command = [
        sys.executable, "-m", "jaxcnn.train", "--arch=linear", "--epochs=5000",
        f"--workers={workers}", f"--workdir={tmp_path}",
    ]  # fmt: skip
    # Tests may themselves run under nohup, whose processes take no notice of SIGHUP.
    minding = f"import os, signal, sys; signal.signal({number:d}, signal.SIG_DFL)"
    minding += "; os.execv(sys.executable, sys.argv[1:])"
    command = [sys.executable, "-c", minding, *command]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 120
    while not (tmp_path / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(run.pid, number)
    _, printed = run.communicate(timeout=60)
    assert run.returncode == status and "leaked" not in printed
    last_line = printed.strip().splitlines()[-1]
    assert "run the same command again to go on" in last_line
    step = int(last_line.split("stopped at step ")[1].split()[0])
    assert (tmp_path / "checkpoints" / str(step)).is_dir()
    assert json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[0])["epoch"] == 1


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 1), (signal.SIGTERM, 0)])
def test_a_signal_while_modules_are_imported_is_one_line(tmp_path, number, status):
    command = [sys.executable, "-m", "jaxcnn.train", "--arch=lenet5", f"--workdir={tmp_path}"]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not caught_by(run.pid, signal.SIGTERM) and time.monotonic() < deadline:
        time.sleep(0.005)
    run.send_signal(number)
    _, printed = run.communicate(timeout=60)
    assert run.returncode == status
    assert printed == f"{train_module.PROGRAM}: stopped by {number.name}, with nothing under way\n"
    assert not list(tmp_path.iterdir())


def caught_by(pid, number):
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(status.split("SigCgt:")[1].split()[0], 16)
    return bool(caught >> (number - 1) & 1)
