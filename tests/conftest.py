"""Set-up that the command lines do in `jaxcnn.command.cli.set_up`, and eight simulated devices."""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial

# Tests compile much and compute little. Set before jax is imported; child processes inherit it.
os.environ["XLA_FLAGS"] = "--xla_backend_optimization_level=0"

import jax  # noqa: E402
import pytest  # noqa: E402
from flax import linen as nn  # noqa: E402

from jaxcnn import models, plugins  # noqa: E402
from jaxcnn.data import registry as datasets  # noqa: E402
from jaxcnn.data.augment import registry as augmentations  # noqa: E402
from jaxcnn.models import registry  # noqa: E402
from jaxcnn.xla.cache import keep_compiled_programs  # noqa: E402
from tests.networks import ShallowResNet  # noqa: E402

jax.config.update("jax_num_cpu_devices", 8)


@pytest.fixture(scope="session", autouse=True)
def compilation_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests compile the same small programs again and again, in each of pytest-xdist's workers."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    os.environ["XDG_CACHE_HOME"] = str(shared / "cache")
    keep_compiled_programs()
    # Now, so that no test's command line or `fit` adds to the flags above for those after it.
    jax.devices()


@pytest.fixture(scope="session", autouse=True)
def no_long_search_for_garbage() -> None:
    """Tests trace all day: what the imports left for good need not be looked through each time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="module", autouse=True)
def still_cached(compilation_cache: None) -> Iterator[None]:
    """A test of `--no-compilation-cache` leaves the next module its cache."""
    folder = jax.config.jax_compilation_cache_dir
    yield
    jax.config.update("jax_compilation_cache_dir", folder)


@contextmanager
def drawing(draw: Callable[..., object]) -> Iterator[None]:
    """What a run in this process draws its report with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxcnn.train.loop.draw_report", draw)
        yield


@pytest.fixture(scope="module", autouse=True)
def undrawn() -> Iterator[None]:
    """Runs in this process end without their report, which takes longer than most of them.

    What is in one is tested in tests/report, and that it is drawn in tests/train/test_loop.py.
    """
    if "jaxcnn.train.loop" not in sys.modules:  # Nothing here trains: its import takes seconds.
        yield
        return
    with drawing(lambda *args: None):
        yield


@pytest.fixture(scope="session")
def drawn() -> Callable[[], AbstractContextManager[None]]:
    """With `drawn()` runs end with their report."""
    from jaxcnn.train.result import draw_report

    return partial(drawing, draw_report)


@contextmanager
def in_the_zoo(name: str, make: Callable[..., nn.Module]) -> Iterator[str]:
    """The name of a network with resnet20's row, in the zoo for as long."""
    variants = {**registry._table.all(), name: replace(models.model_spec("resnet20"), make=make)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry._table, "_all", variants)
        yield name


@pytest.fixture(scope="module")
def resnet4() -> Iterator[str]:
    """For what takes a network with convolutions, a shortcut and batch normalisation."""
    with in_the_zoo("resnet4", ShallowResNet) as name:
        yield name


@pytest.fixture(scope="module")
def resnet8() -> Iterator[str]:
    """For what takes one with several blocks: resnet20 with one a stage."""
    make = partial(models.model_spec("resnet20").make, blocks_per_stage=1)
    with in_the_zoo("resnet8", make) as name:
        yield name


@pytest.fixture
def own_names(monkeypatch) -> None:
    """What a test registers is forgotten after it."""
    for table in (registry._table, datasets._table, augmentations._table):
        for name in ("_registered", "_origins"):
            monkeypatch.setattr(table, name, dict(getattr(table, name)))
        monkeypatch.setattr(table, "_all", None)
    monkeypatch.setattr(plugins, "_loaded", dict(plugins._loaded))
