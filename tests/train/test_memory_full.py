"""A batch that does not fit a device's memory is refused with one that does."""

from dataclasses import replace
from types import SimpleNamespace

import jax
import pytest

from jaxcnn.engine.feed import Feed
from jaxcnn.engine.program import Program, build
from jaxcnn.errors import UserError
from jaxcnn.recipe import Mesh, Model, Optim, Recipe
from jaxcnn.train import fit as fit_module
from jaxcnn.train import memory_full
from jaxcnn.train.fit import fit
from jaxcnn.train.memory_full import batch_that_fits, one_line_if_memory_is_full

GPU = "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 5520758552 bytes."
TPU = (
    "RESOURCE_EXHAUSTED: XLA:TPU compile permanent error. Ran out of memory in memory space hbm. "
    "Used 20.00G of 16.00G hbm. Exceeded hbm capacity by 4.00G."
)
RECIPE = Recipe("resnet8", batch_size=64, image_size=16, steps=1, mesh=Mesh(data=1))


@pytest.fixture(scope="module")
def program(resnet8):
    feed = Feed(RECIPE)
    return build(RECIPE, feed.spec, steps_per_epoch=19, total_steps=1)


def way_out(recipe, program, said):
    with (
        pytest.raises(UserError) as refused,
        one_line_if_memory_is_full(recipe, program),
    ):
        raise jax.errors.JaxRuntimeError(said)
    line = str(refused.value)
    assert "\n" not in line
    return line


@pytest.fixture
def with_memory(monkeypatch):
    """`with_memory(bytes)`: the step takes 10e9 bytes of a device that has so many."""

    def has(available):
        counted = None if available is None else (10e9, available)
        monkeypatch.setattr(memory_full, "_bytes_of_step", lambda recipe, program: counted)

    return has


def test_a_batch_that_does_not_fit_names_one_that_does(program, with_memory):
    with_memory(6e9)
    line = way_out(RECIPE, program, GPU)
    assert "--batch-size=64 does not fit: a step takes 10 GB of 6 GB" in line
    # 0.9 * 6 / 10 of the batch, and parts that are no larger.
    assert "--batch-size=34 should" in line and "--optim.accumulate-steps=2" in line
    assert "--model.remat" in line


def test_what_is_named_splits_over_the_parts_that_the_recipe_has(program, with_memory):
    with_memory(3e9)
    recipe = replace(RECIPE, optim=Optim(accumulate_steps=4), model=Model(remat=True))
    line = way_out(recipe, program, GPU)
    assert "--batch-size=16 should" in line and "--optim.accumulate-steps=16" in line
    assert "remat" not in line


def test_a_compilers_own_figures_come_first(program):
    assert "takes 21.5 GB of 17.2 GB a device; --batch-size=46 should" in way_out(
        RECIPE, program, TPU
    )


def test_where_no_batch_fits_none_is_named(program, with_memory):
    with_memory(1e6)
    assert "no smaller one does" in way_out(RECIPE, program, GPU)


def test_a_step_that_would_fit_points_to_other_programs(program, with_memory):
    with_memory(80e9)
    line = way_out(RECIPE, program, GPU)
    assert "memory is full, though a step takes 10 GB of 80 GB" in line
    assert "--batch-size" not in line


def test_without_figures_a_smaller_batch_is_asked_for(program):
    """As on a CPU, which says nothing of its memory."""
    assert "give a smaller one" in way_out(RECIPE, program, GPU)


def test_the_compiled_step_is_counted_against_the_smallest_device(program):
    sizes = [SimpleNamespace(memory_stats=lambda n=n: {"bytes_limit": n}) for n in (9e9, 8e9)]
    mesh = SimpleNamespace(local_devices=sizes, size=1)
    used, available = memory_full._bytes_of_step(
        RECIPE, replace(program, rows=SimpleNamespace(mesh=mesh))
    )
    assert available == 8e9
    state = memory_full.bytes_on_a_device(program.state_like)
    # Activations of 64 images, at least as much as their float32 input.
    assert used > state + 64 * 16 * 16 * 3 * 4


@pytest.mark.parametrize("unit", [1, 3, 8])
def test_the_batch_that_fits_fits_and_the_next_does_not(unit):
    for available in range(20, 120, 7):
        best = batch_that_fits(96, used=10 + 96, fixed=10, available=available, unit=unit)
        if best is None:
            assert 10 + unit > available
        else:
            assert best % unit == 0 and best < 96 and 10 + best <= available
            assert 10 + best + unit > available or best + unit >= 96


def test_other_errors_are_raised_as_they_are(program):
    with (
        pytest.raises(jax.errors.JaxRuntimeError, match="a mistake"),
        one_line_if_memory_is_full(RECIPE, program),
    ):
        raise jax.errors.JaxRuntimeError("INTERNAL: a mistake")


def test_a_run_whose_first_step_does_not_fit_ends_in_that_line(tmp_path, monkeypatch):
    def full(*args):
        raise jax.errors.JaxRuntimeError(GPU)

    def built(*args, **kwargs):
        program = build(*args, **kwargs)
        assert isinstance(program, Program)
        step = SimpleNamespace(lower=lambda *args: SimpleNamespace(compile=full))
        return replace(program, train=step)

    monkeypatch.setattr(fit_module, "build", built)
    with pytest.raises(UserError, match="--batch-size=64 does not fit"):
        fit(replace(RECIPE, arch="linear", image_size=28), tmp_path)
