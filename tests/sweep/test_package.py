"""`jaxcnn.sweep` is a function, and the package that has its name does what it does."""

import subprocess
import sys

import jaxcnn
import jaxcnn.sweep.command


def test_the_function_can_be_called_after_the_command_was_imported(monkeypatch):
    monkeypatch.setattr("jaxcnn.sweeps.sweep", lambda *args, **kwargs: (args, kwargs))
    assert jaxcnn.sweep({"a": 1}, [0], "runs", console=None) == (
        ({"a": 1}, [0], "runs"), {"console": None}
    )  # fmt: skip


def test_before_it_was_imported_the_name_is_the_functions_and_importing_it_is_light():
    code = (
        "import sys, jaxcnn.sweep; assert 'jax' not in sys.modules\n"
        "del jaxcnn.sweep, sys.modules['jaxcnn.sweep']\n"
        "from jaxcnn import sweep; from jaxcnn.sweeps import sweep as function\n"
        "assert sweep is function"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
