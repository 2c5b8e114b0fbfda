"""What programs for GPUs are compiled with, so that they give the same bits each time."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import jax
import jaxlib.version

from jaxcnn.files.cache_folder import cache_folder
from jaxcnn.files.whole import replacing

Function = TypeVar("Function", bound=Callable[..., Any])


def on_gpu(devices: Iterable[Any]) -> bool:
    """Whether these are GPUs, those of one program."""
    return next(iter(devices)).platform in ("gpu", "cuda", "rocm")


def reproducible_options(autotuning: Path | None = None) -> dict[str, Any]:
    """`jax.jit`'s compiler_options for programs that give the same bits each time.

    Which kernels XLA takes depends on how fast each was when it tried them, and kernels sum in
    different orders: with `autotuning`, a folder that exists, it reads there what it chose before
    and writes there what it chooses now.
    """
    options: dict[str, Any] = {"xla_gpu_exclude_nondeterministic_ops": True}
    if autotuning is not None:
        options["xla_gpu_per_fusion_autotune_cache_dir"] = str(autotuning.resolve())
    return options


@contextmanager
def autotuning_shared(folder: Path) -> Iterator[Callable[[], None]]:
    """A run's own `folder` of what XLA chose, begun with what other runs on this machine chose.

    So that two runs in two folders compute the same. Yields what gives theirs to the others, to be
    called when something was compiled; the end does so too.
    """
    kept = cache_folder()
    everyones = kept and kept / f"autotuning-{jaxlib.version.__version__}"

    def share() -> None:
        if everyones is not None:
            with suppress(OSError):
                _copy_missing(folder, everyones)

    folder.mkdir(parents=True, exist_ok=True)
    if everyones is not None and not any(folder.iterdir()):
        with suppress(OSError):
            _copy_missing(everyones, folder)
    try:
        yield share
    finally:
        share()


def _copy_missing(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for path in source.rglob("*"):
        copy = target / path.relative_to(source)
        if path.is_file() and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            with replacing(copy) as draft:
                shutil.copyfile(path, draft)


def with_float32_products(function: Function) -> Function:
    """`function`, whose products and convolutions of float32 take all 24 bits of both factors.

    A GPU rounds them to the 11 of TF32 otherwise. To be called under `jax.jit`.
    """

    @wraps(function)
    def precise(*args: Any) -> Any:
        with jax.default_matmul_precision("highest"):
            return function(*args)

    return precise  # pyright: ignore[reportReturnType]
