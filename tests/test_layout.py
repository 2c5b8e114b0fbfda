"""Imports point down only (the layers are listed bottom first)."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import jaxcnn

ROOT = Path(jaxcnn.__file__).parent

# Modules on one line do not see each other; a package's own files may.
LAYERS = [
    ["errors"],
    ["ranges", "text", "files"],
    ["plugins"],
    ["discovery"],
    ["xla", "metrics", "probes"],
    ["ops", "processes"],
    ["layers"],
    ["models", "data"],
    ["weights", "explain"],
    ["recipe"],
    ["task"],
    ["engine"],
    ["run"],
    ["report", "trained"],
    ["command"],
    ["train", "evaluate", "predict", "features", "soup", "zoo", "plan", "benchmark"]
    + ["data/prepare", "data/inspect"],
    ["sweeps", "comparison"],
    ["selfcheck", "sweep", "tune", "compare", "baselines"],
    ["__main__"],
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
POSIX_ONLY = {"fcntl", "grp", "pwd", "resource", "termios", "uvloop"}
FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def layer_of(path: Path) -> str:
    relative = path.relative_to(ROOT).with_suffix("")
    inner = "/".join(relative.parts[:2])
    return inner if inner in RANK else relative.parts[0]


def imported_layers(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            parts = node.module.split(".")
            names = [alias.name for alias in node.names] if len(parts) == 1 else [parts[1]]
            modules |= set(names) if parts[0] == "jaxcnn" else set()
        elif isinstance(node, ast.Import):
            modules |= {a.name.split(".")[1] for a in node.names if a.name.startswith("jaxcnn.")}
    return modules


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    own = layer_of(path)
    assert own in RANK, f"{own} has no place in LAYERS"
    for other in imported_layers(path) - {own}:
        assert RANK[other] < RANK[own], f"{own} imports {other}"


DATA = sorted((ROOT / "data").rglob("*.py"))


@pytest.mark.parametrize("path", DATA, ids=lambda path: str(path.relative_to(ROOT)))
def test_data_knows_nothing_of_jax(path):
    """Worker processes import it, and would each take a device."""
    modules = re.findall(r"^ *(?:from|import) ([\w.]+)", path.read_text(), flags=re.MULTILINE)
    of_jax = r"(jax|flax|optax|orbax|jaxcnn\.(xla|ops))\b(?!cnn)"
    assert not [module for module in modules if re.match(of_jax, module)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_windows_lacks_is_not_imported_at_the_top(path):
    """A `try` around it, or the function that needs it, is the place."""
    statements = ast.parse(path.read_text()).body
    imports = [node for node in statements if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not POSIX_ONLY & set(re.findall(r"\w+", "\n".join(map(ast.unparse, imports))))


def test_importing_is_light_and_touches_no_device():
    code = (
        "import sys, jaxcnn\n"
        "assert 'jax' not in sys.modules and 'tensorflow' not in sys.modules\n"
        "import jaxcnn.models, jaxcnn.data\n"
        "from jax._src import xla_bridge\n"
        "assert not xla_bridge.backends_are_initialized()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_module_takes_the_place_of_a_public_function():
    """Importing `jaxcnn.NAME` would set the package's NAME to the module."""
    modules = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()}
    # Those of `sweep` and `features` do what the functions do: test_package.py in tests/sweep/ and
    # tests/features/.
    assert modules & set(jaxcnn.__all__) == {"explain", "weights", "sweep", "features"}


def test_every_public_name_exists():
    for name in jaxcnn.__all__:
        assert getattr(jaxcnn, name) is getattr(jaxcnn, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = jaxcnn.nothing
