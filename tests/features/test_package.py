"""`jaxcnn.features` is a function, and the package that has its name does what it does."""

import subprocess
import sys

import jaxcnn
import jaxcnn.features.command


def test_the_function_can_be_called_after_the_command_was_imported(monkeypatch):
    monkeypatch.setattr(
        "jaxcnn.models.tools.features.features", lambda *args, **kwargs: (args, kwargs)
    )
    assert jaxcnn.features("model", "variables", images=3) == (
        ("model", "variables"), {"images": 3}
    )  # fmt: skip


def test_before_it_was_imported_the_name_is_the_functions_and_importing_it_is_light():
    code = (
        "import sys, jaxcnn.features; assert 'jax' not in sys.modules\n"
        "del jaxcnn.features, sys.modules['jaxcnn.features']\n"
        "from jaxcnn import features; from jaxcnn.models.tools import features as module\n"
        "assert features is module.features"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
