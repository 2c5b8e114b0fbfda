"""What command lines share."""

import importlib
import os
import subprocess
import sys

import pytest

from jaxcnn.__main__ import commands
from jaxcnn.command import cli
from jaxcnn.errors import UserError
from jaxcnn.plan import command as plan
from jaxcnn.train import command as train


def test_what_may_not_be_read_is_one_line_that_names_it(capsys):
    def command():
        raise PermissionError(13, "Permission denied", "/secret")

    assert cli.run("program", command) == 2
    assert capsys.readouterr().err.startswith("program: /secret: Permission denied; ")


MISSPELT = {
    "baselines": ("--daatset=digits", "--dataset"),
    "benchmark": ("--modle=train", "--mode"),
    "compare": ("--spilt=test", "--split"),
    "data.inspect": ("--datsaet=digits", "--dataset"),
    "data.prepare": ("--form=photos", "--from"),
    "evaluate": ("--wrokdir=runs/a", "--workdir"),
    "features": ("--shtos=5", "--shots"),
    "plan": ("--toplogy=v5e:4x4", "--topology"),
    "predict": ("--expalin=grad_cam", "--explain"),
    "selfcheck": ("--mintues=3", "--minutes"),
    "soup": ("--avrage=uniform", "--average"),
    "sweep": ("--basline=a", "--baseline"),
    "train": ("--epohcs=3", "--epochs"),
    "tune": ("--trails=3", "--trials"),
    "zoo": ("--iamge-size=32", "--image-size"),
}


@pytest.mark.parametrize("program", commands())
def test_a_misspelt_flag_of_any_command_is_one_line_with_the_right_one(program, capsys):
    module = program.removeprefix("python -m jaxcnn.")
    wrong, right = MISSPELT[module]
    arch = ["--arch=lenet5"] if module in ("train", "tune", "plan", "sweep") else []
    for args in ([*arch, wrong], [wrong]):
        assert importlib.import_module(f"jaxcnn.{module}.command").main(args) == cli.WRONG_INPUT
        told = capsys.readouterr().err
        assert f"did you mean {right}?" in told and told.count("\n") == 1


@pytest.mark.parametrize("columns", ["30", "300"])
def test_how_wide_a_terminal_is_changes_no_suggestion(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(UserError, match="did you mean --no-compilation-cache?"):
        train.parse(["--arch=lenet5", "--no-compilation-cahce"])


@pytest.mark.parametrize(
    ("command", "status", "printed"),
    [
        ("print('a \\u732b', end='')", 0, b"a ?"),
        ("print('x' * 100_000)", 1, None),
        ("sys.stderr.write('unheard') * 0", 0, b""),
    ],
    ids=["a name that cannot be shown", "a reader that had enough", "no terminal"],
)
def test_what_becomes_of_the_output_is_not_the_commands_end(command, status, printed):
    code = f"import sys\nfrom jaxcnn.command import cli\ncli.start(lambda: {command} or 0)"
    run = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert run.stdout is not None and run.stderr is not None
    if printed is None:
        run.stdout.close()
        assert run.stderr.read() == b""
    else:
        run.stderr.close()
        assert run.stdout.read() == printed
    assert run.wait(60) == status


def test_an_event_loop_that_was_closed_is_no_traceback_and_other_errors_are(monkeypatch, capsys):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    cli.set_up(compilation_cache=False)
    sys.excepthook(RuntimeError, RuntimeError("Event loop is closed"), None)
    assert capsys.readouterr().err == ""
    sys.excepthook(RuntimeError, RuntimeError("something else"), None)
    assert "RuntimeError: something else" in capsys.readouterr().err


def test_a_plan_for_other_devices_compiles_without_the_cpus_flags(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setattr("jaxcnn.plan.step_cost.find_spec", lambda name: None)
    assert plan.main(["--arch=lenet5", "--topology=v5e:2x2"]) == cli.WRONG_INPUT
    assert "xla" not in os.environ["XLA_FLAGS"]


def test_a_program_that_cannot_be_kept_is_compiled_without_a_word(tmp_path):
    code = """
import jax, jax.numpy as jnp
from jaxcnn.command import cli
from jaxcnn.xla import onednn
from jaxcnn.ops.matmul import matmul
cli.set_up(compilation_cache=True)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
onednn._WORTH_SECONDS = 0.0
a = jnp.ones((2, 3, 3))
print(float(jax.jit(matmul)(a, a).sum()))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
    )
    assert done.stdout.strip() == "54.0" and done.stderr == ""
