"""What JAX raises where a device is taken, missing or full is one line with a way out."""

import os
import subprocess
import sys

import jax
import pytest

from jaxcnn.command import cli
from jaxcnn.xla import device_errors

ADVICE = (
    "(you may need to uninstall the failing plugin package, or set JAX_PLATFORMS=cpu to skip this "
    "backend.)"
)
TAKEN = RuntimeError(
    "Unable to initialize backend 'cuda': INTERNAL: no supported devices found for platform CUDA. "
    + ADVICE
)
FULL = jax.errors.JaxRuntimeError(
    "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 5520758552 bytes.\nStats: ..."
)


@pytest.fixture
def driver(monkeypatch):
    """`driver(said)`: what nvidia-smi prints; None where there is none."""

    def says(said):
        def run(command, **options):
            if said is None:
                raise FileNotFoundError(2, "No such file or directory", "nvidia-smi")
            return subprocess.CompletedProcess(command, 0, stdout=said)

        monkeypatch.setattr(device_errors.subprocess, "run", run)

    says(None)
    return says


def told(error, capsys):
    """The status and the one line of a command that meets `error`."""

    def command():
        raise error

    status = cli.run("program", command)
    (line,) = capsys.readouterr().err.splitlines()
    return status, line


def test_a_gpu_that_is_taken_is_one_line_with_what_is_free_and_what_helps(driver, capsys):
    driver("312, 81559\n81000, 81559\n")
    status, line = told(TAKEN, capsys)
    assert status == cli.WRONG_INPUT
    assert line.startswith(
        "program: JAX cannot use the GPU (INTERNAL: no supported devices found for platform CUDA; "
        "GPU 0 has 312 of 81,559 MiB free; GPU 1 has 81,000 of 81,559 MiB free); "
    )
    for way_out in ("PREALLOCATE=false", "MEM_FRACTION=", "JAX_PLATFORMS=cpu"):
        assert way_out in line
    assert "uninstall" not in line


@pytest.mark.parametrize("said", [None, "", "No devices were found\n", "[N/A], [N/A]\n"])
def test_without_a_driver_that_answers_the_line_leaves_out_what_is_free(driver, capsys, said):
    driver(said)
    assert "MiB" not in told(TAKEN, capsys)[1]


@pytest.mark.parametrize(
    "error",
    [
        FULL,
        jax.errors.JaxRuntimeError("INTERNAL: CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
        jax.errors.JaxRuntimeError("FAILED_PRECONDITION: DNN library initialization failed."),
        jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Failed to allocate request for 176.00MiB"),
    ],
)
def test_memory_that_is_full_is_one_line(driver, capsys, error):
    driver("312, 81559\n")
    status, line = told(error, capsys)
    assert status == cli.WRONG_INPUT
    assert "memory is full" in line and "GPU 0 has 312 of 81,559 MiB free" in line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Unable to initialize backend 'cuda': Backend 'cuda' is not in the list of known "
            "backends: ['cpu', 'tpu']. (set JAX_PLATFORMS='' to automatically choose an available "
            "backend)",
            "asks for cuda, which is not installed; pip install 'jaxcnn[cuda]'",
        ),
        (
            "Unable to initialize backend 'tpu': ABORTED: The TPU is already in use by process "
            f"with pid 7. {ADVICE}",
            "(ABORTED: The TPU is already in use by process with pid 7); JAX_PLATFORMS=cpu",
        ),
    ],
)
def test_other_devices_that_are_not_to_be_had_are_one_line(driver, capsys, text, expected):
    status, line = told(RuntimeError(text), capsys)
    assert status == cli.WRONG_INPUT and expected in line


@pytest.mark.parametrize("platform", ["another", "cuda"])
def test_what_jax_raises_for_a_device_that_is_not_here_is_recognised(platform):
    code = """
import sys, jax
from jaxcnn.command import cli
sys.exit(cli.run("program", jax.devices))
"""
    none = {"JAX_PLATFORMS": platform, "CUDA_VISIBLE_DEVICES": ""}
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **none}
    )
    assert ended.returncode == cli.WRONG_INPUT
    assert ended.stderr.startswith("program: JAX") and "JAX_PLATFORMS=cpu" in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Out of memory"),
        AssertionError("a mistake"),
        jax.errors.JaxRuntimeError("INTERNAL: a mistake"),
    ],
)
def test_other_errors_are_raised_as_they_are(error):
    def command():
        raise error

    with pytest.raises(type(error)) as raised:
        cli.run("program", command)
    assert raised.value is error
