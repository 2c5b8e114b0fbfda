"""Code of the user's own that brings models, data sets and augmentations: files, modules, entry
points.

jaxcnn.train --plugin=mynet.py

What a plug-in registers joins the tables of `jaxcnn.discovery`. It is run because the user named
it, or installed it with an entry point: never because a file of a run names it.
"""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from jaxcnn.errors import UserError
from jaxcnn.files.paths import expanded
from jaxcnn.text.lines import say

ENTRY_POINTS = "jaxcnn"


@dataclass(frozen=True)
class Place:
    """Where something was registered.

    Attributes:
        source: as --plugin takes it: the path of a file, from any working directory, or the name of
            a module. Of what a notebook registered, `__main__`.
        sha256: of its file; None where it has none.
    """

    source: str
    sha256: str | None


# By source, those that --plugin named.
_loaded: dict[str, ModuleType] = {}
_loading: list[Place] = []
_entry_points_are_loaded = False


def load_plugin(source: str) -> None:
    """Runs FILE.py, or imports package.module, once in a process.

    A module is found where it is installed, or on $PYTHONPATH. Raises UserError, in one line, where
    it cannot be found, or for what it raises.
    """
    is_file = source.endswith(".py") or "/" in source or "\\" in source
    place = _place_of_file(Path(expanded(source)), source) if is_file else None
    known = place.source if place else source
    if known in _loaded:
        return
    with _one_line(f"--plugin={source}", known):
        if place is not None:
            _loaded[known] = _run_file(place)
            return
        try:
            found = importlib.util.find_spec(source)
        except ModuleNotFoundError:
            found = None
        if found is None:
            raise UserError(
                "no module has that name where modules are installed or on $PYTHONPATH; a file's "
                "name ends in .py"
            )
        with _registering(_place_of_module(source, found.origin)):
            _loaded[source] = importlib.import_module(source)


def load_entry_points() -> None:
    """Imports what installed packages name in the group "jaxcnn" of their entry points, once.

    One that fails is said in a line, and left out.
    """
    global _entry_points_are_loaded
    if _entry_points_are_loaded:
        return
    _entry_points_are_loaded = True
    for point in entry_points(group=ENTRY_POINTS):
        _load_entry_point(point)


def _load_entry_point(point: EntryPoint) -> None:
    try:
        what = f"entry point {point.name} = {point.value}"
        with _one_line(what, ""), _registering(_place_of_module(point.module, None)):
            point.load()
    except UserError as error:
        say(f"{error}; it is left out")


def place_of(make: Callable[..., Any]) -> Place:
    """Where what is registered now comes from: the plug-in that is being loaded, else the module of
    `make`."""
    if _loading:
        return _loading[-1]
    name = getattr(make, "__module__", None) or "__main__"
    file = getattr(sys.modules.get(name), "__file__", None)
    if name == "__main__" and file is not None and Path(file).is_file():
        return _place_of_file(Path(file), file)
    return _place_of_module(name, file)


def is_loading() -> bool:
    return bool(_loading)


def files_run() -> list[ModuleType]:
    """The modules that files were run as: no other process can import them by their names."""
    return [module for source, module in _loaded.items() if source.endswith(".py")]


def _run_file(place: Place) -> ModuleType:
    path = Path(place.source)
    name = f"jaxcnn_plugin_{hashlib.sha256(place.source.encode()).hexdigest()[:8]}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise UserError("it is no file of Python; its name ends in .py")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses, which Linen's modules are, look for their own.
    sys.modules[name] = module
    try:
        with _registering(place):
            # What is there now, not what Python compiled of it before.
            exec(compile(path.read_bytes(), path, "exec"), vars(module))
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextmanager
def _registering(place: Place) -> Iterator[None]:
    _loading.append(place)
    try:
        yield
    finally:
        _loading.pop()


@contextmanager
def _one_line(what: str, file: str) -> Iterator[None]:
    """Whatever code of others raises within, as a UserError that says of what, and where in it."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{what}: {error}") from error
    except SyntaxError as error:
        place = f"{error.filename}, line {error.lineno}"
        raise UserError(f"{what}: {place}: {error.msg}; mend it") from error
    except (Exception, SystemExit) as error:
        raised = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise UserError(f"{what}: it raises {raised}{_line_in(file, error)}") from error


def _line_in(file: str, error: BaseException) -> str:
    """The last line of that file on the way to an error."""
    lines = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f" (line {lines[-1]})" if lines else ""


def _place_of_file(path: Path, source: str) -> Place:
    if not path.is_file():
        raise UserError(f"--plugin={source}: there is no such file; give FILE.py or package.module")
    return Place(str(path.resolve()), hashlib.sha256(path.read_bytes()).hexdigest())


def _place_of_module(name: str, file: str | None) -> Place:
    if file is None:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            spec = None
        file = spec.origin if spec else None
    if file is None or not Path(file).is_file():
        return Place(name, None)
    return Place(name, hashlib.sha256(Path(file).read_bytes()).hexdigest())
