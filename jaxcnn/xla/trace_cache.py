"""Traced programs, kept on disk as JAX keeps compiled ones.

Tracing a deep network takes seconds of Python at every start, and comes to the same program as long
as nothing that it is made of changes.
"""

import hashlib
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

import jax
from jax import export

from jaxcnn.files.whole import replacing
from jaxcnn.xla import onednn

Function = TypeVar("Function", bound=Callable[..., Any])

DIGEST_BYTES = hashlib.sha256().digest_size


class Once(Protocol):
    """Makes of a function one that is traced at most once; see `TraceCache.once`."""

    def __call__(self, name: str, function: Function, /) -> Function: ...


class TraceCache:
    """Functions traced once: later processes read what came of it, as StableHLO.

    An entry is named by a digest of all that a trace may depend on: `depends_on`, JAX's settings,
    and the size and time of change of every module's file, from JAX's own to the model's. So it
    holds what tracing would come to, in a process whose modules are what their files say. One that
    puts functions of its own in their place has to trace by itself.

    For programs of one device: how arrays lie on several is not kept.

    Args:
        folder: where entries are kept; made when it is needed.
        depends_on: what the functions close over, as a text that differs wherever it does.
    """

    def __init__(self, folder: Path, depends_on: str = "") -> None:
        self._folder = folder
        settings = sorted(jax.config.values.items())
        self._depends_on = repr(
            (depends_on, sys.version, settings, jax.default_backend(), _loaded_files())
        )

    def once(self, name: str, function: Function) -> Function:
        """`function` of arrays, to be called under `jax.jit`, where it is read in place of traced.

        It may return what `jax.export` can write down: dicts, lists and tuples of arrays. `name`
        tells apart the functions of one cache.
        """

        def read_or_traced(*args: Any) -> Any:
            leaves, tree = jax.tree.flatten(args)
            like = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in leaves]
            key = hashlib.sha256(f"{self._depends_on} {name} {tree} {like}".encode())
            path = self._folder / key.hexdigest()
            exported = _read(path)
            if exported is None:
                entry = _trace(function, tree, like)
                _write(path, entry)
                # Read even if just traced: so XLA's cache finds the same program at the next start.
                exported = export.deserialize(entry)
            return exported.call(*leaves)

        return read_or_traced  # pyright: ignore[reportReturnType]


def _loaded_files() -> list[tuple[str, int, int]]:
    files = {vars(module).get("__file__") for module in list(sys.modules.values())}
    described = []
    for file in sorted(file for file in files if file and os.path.exists(file)):
        status = os.stat(file)
        described.append((file, status.st_size, status.st_mtime_ns))
    return described


def _trace(function: Callable[..., Any], tree: Any, like: list[jax.ShapeDtypeStruct]) -> bytearray:
    # In a list of arrays: `jax.export` does not know the trees of optax and Flax.
    def of_leaves(*leaves: jax.Array) -> Any:
        return function(*jax.tree.unflatten(tree, leaves))

    checks = [export.DisabledSafetyCheck.custom_call(name) for name in onednn.CALLS]
    return export.export(jax.jit(of_leaves), disabled_checks=checks)(*like).serialize()


def _read(path: Path) -> export.Exported | None:
    """The entry; None if there is none, a damaged one, or one that is too old for this JAX."""
    try:
        content = bytearray(path.read_bytes())
    except OSError:
        return None
    digest, entry = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    if hashlib.sha256(entry).digest() != digest:
        return None
    try:
        return export.deserialize(entry)
    except ValueError:  # JAX reads what it exported for half a year.
        return None


def _write(path: Path, entry: bytearray) -> None:
    """Keeps the entry; where that cannot be, the next start traces again and nothing is lost."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as draft:
            draft.write_bytes(hashlib.sha256(entry).digest() + entry)
