import importlib.util
import os
import sys
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.data import dataset_spec
from jaxcnn.engine.mesh import to_devices
from jaxcnn.engine.program import build
from jaxcnn.engine.state import eval_variables
from jaxcnn.recipe import Augment, Mesh, Optim, Recipe
from jaxcnn.train import command as train
from jaxcnn.xla import trace_cache
from jaxcnn.xla.trace_cache import TraceCache


@pytest.fixture(scope="module", autouse=True)
def modules_that_jax_loads_late(tmp_path_factory):
    """Loaded first: here all "processes" are one, and modules that one loads count for the next."""
    called(tmp_path_factory.mktemp("first"), Doubling(), jnp.ones(()))
    trained_and_evaluated(RECIPE, None)


class Doubling:
    """A function that counts how often it is traced."""

    def __init__(self, factor=2.0):
        self.factor = factor
        self.traced = 0

    def __call__(self, tree):
        self.traced += 1
        return jax.tree.map(lambda x: x * self.factor, tree)


def called(folder, function, tree, depends_on=""):
    """As a process of its own would call it."""
    return jax.jit(TraceCache(folder, depends_on).once("doubling", function))(tree)


def test_a_second_process_reads_what_the_first_traced(tmp_path):
    tree = {"a": jnp.arange(3.0), "b": (jnp.ones((2, 2), jnp.bfloat16),)}
    first, second = Doubling(), Doubling()
    expected = called(tmp_path, first, tree)
    result = called(tmp_path, second, tree)
    assert (first.traced, second.traced) == (1, 0)
    assert jax.tree.structure(result) == jax.tree.structure(tree)
    jax.tree.map(np.testing.assert_array_equal, result, expected)
    jax.tree.map(np.testing.assert_array_equal, result, jax.tree.map(lambda x: x * 2, tree))


def test_traced_anew_when_what_it_closes_over_changes(tmp_path):
    for factor in (2.0, 3.0):
        assert called(tmp_path, Doubling(factor), jnp.ones(()), str(factor)) == factor


@pytest.mark.parametrize("other", [jnp.ones(3), jnp.ones(2, jnp.int32), (jnp.ones(2),)], ids=repr)
def test_traced_anew_for_arrays_of_another_kind(tmp_path, other):
    called(tmp_path, Doubling(), jnp.ones(2))
    again = Doubling()
    result = called(tmp_path, again, other)
    assert again.traced == 1
    jax.tree.map(np.testing.assert_array_equal, result, jax.tree.map(lambda x: x * 2, other))


def test_traced_anew_when_the_file_of_a_module_changes(tmp_path, monkeypatch):
    path = tmp_path / "network_of_tests.py"
    path.write_text("factor = 2.0\n")
    spec = importlib.util.spec_from_file_location("network_of_tests", path)
    monkeypatch.setitem(sys.modules, spec.name, importlib.util.module_from_spec(spec))
    called(tmp_path, Doubling(), jnp.ones(()))
    assert called(tmp_path, Doubling(3.0), jnp.ones(())) == 2.0
    os.utime(path, ns=(1, 1))
    assert called(tmp_path, Doubling(3.0), jnp.ones(())) == 3.0


def test_traced_anew_under_other_settings_of_jax(tmp_path):
    called(tmp_path, Doubling(), jnp.ones(()))
    before = jax.config.jax_default_matmul_precision
    jax.config.update("jax_default_matmul_precision", "highest")
    try:
        again = Doubling()
        called(tmp_path, again, jnp.ones(()))
    finally:
        jax.config.update("jax_default_matmul_precision", before)
    assert again.traced == 1


@pytest.mark.parametrize("damage", [b"", b"\0" * 40, None], ids=["empty", "other", "cut"])
def test_a_damaged_entry_is_traced_anew_and_replaced(tmp_path, damage):
    called(tmp_path, Doubling(), jnp.ones(()))
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] if damage is None else damage)
    again, after = Doubling(), Doubling()
    assert called(tmp_path, again, jnp.ones(())) == 2.0
    assert called(tmp_path, after, jnp.ones(())) == 2.0
    assert (again.traced, after.traced) == (1, 0)


def test_where_nothing_can_be_kept_the_result_is_the_same(tmp_path):
    (tmp_path / "file").write_text("")
    assert called(tmp_path / "file" / "traces", Doubling(), jnp.ones(())) == 2.0
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


RECIPE = Recipe(
    "mlp",
    batch_size=8,
    image_size=32,
    optim=Optim("adamw", lr=1e-3, ema_decay=0.9),
    mesh=Mesh(data=1),
)


def trained_and_evaluated(recipe, trace_folder):
    """Two steps of a program of its own, and an evaluation."""
    rng = np.random.default_rng(0)
    batch = {
        "image": rng.integers(256, size=(8, 32, 32, 1), dtype=np.uint8),
        "label": np.arange(8, dtype=np.int32),
    }
    program = build(
        recipe,
        dataset_spec("digits"),
        steps_per_epoch=1,
        total_steps=2,
        trace_folder=trace_folder,
    )
    state = program.init_state()
    for _ in range(2):
        on_devices = to_devices(batch, program.rows)
        state, sums = program.train_step(state, on_devices, program.step_key)
    whole = to_devices({**batch, "weight": np.ones(8, np.float32)}, program.rows)
    return jax.device_get((state, sums, program.eval_step(eval_variables(state), whole)))


def test_a_program_that_was_kept_gives_the_same_bits(tmp_path, monkeypatch):
    plain = trained_and_evaluated(RECIPE, None)
    traced = trained_and_evaluated(RECIPE, tmp_path)
    assert len(list(tmp_path.iterdir())) == 3  # The initial state, the steps of both kinds.
    monkeypatch.delattr(trace_cache, "_trace")
    kept = trained_and_evaluated(RECIPE, tmp_path)
    jax.tree.map(np.testing.assert_array_equal, traced, plain)
    jax.tree.map(np.testing.assert_array_equal, kept, plain)


def test_seeds_share_what_is_kept_and_differ_in_what_they_start_from(tmp_path, monkeypatch):
    first, _, _ = trained_and_evaluated(RECIPE, tmp_path)
    monkeypatch.delattr(trace_cache, "_trace")
    kept, _, _ = trained_and_evaluated(replace(RECIPE, seed=1), tmp_path)
    plain, _, _ = trained_and_evaluated(replace(RECIPE, seed=1), None)
    jax.tree.map(np.testing.assert_array_equal, kept, plain)
    kernels = [state.params["head"]["kernel"] for state in (first, plain)]
    assert not np.array_equal(*kernels)


@pytest.mark.parametrize(
    "changes",
    [
        {"optim": Optim("adamw", lr=2e-3, ema_decay=0.9)},
        {"loss": "bce"},
        {"augment": Augment(mixup=0.5)},
        {"precision": "bfloat16"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_recipe_that_changes_is_not_given_what_another_kept(tmp_path, changes):
    trained_and_evaluated(RECIPE, tmp_path)
    recipe = replace(RECIPE, **changes)
    kept, plain = trained_and_evaluated(recipe, tmp_path), trained_and_evaluated(recipe, None)
    jax.tree.map(np.testing.assert_array_equal, kept, plain)


@pytest.mark.parametrize("changes", [{"mesh": Mesh(data=2)}, {"parallel": "pmap"}], ids=str)
def test_what_does_not_run_on_one_device_under_jit_is_not_kept(tmp_path, changes):
    trained_and_evaluated(replace(RECIPE, **changes), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("flags, kept", [([], True), (["--no-compilation-cache"], False)])
def test_traces_are_kept_with_what_is_compiled_of_them(tmp_path, monkeypatch, flags, kept):
    asked = []
    monkeypatch.setattr(
        "jaxcnn.train.fit.fit", lambda *_, trace_folder=None, **more: asked.append(trace_folder)
    )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    args = ["--arch=linear", f"--workdir={tmp_path / 'run'}", *flags]
    assert train.main(args, own_process=True) == 0
    assert asked == [tmp_path / "jaxcnn" / "traces" if kept else None]


def test_a_trace_that_has_expired_is_made_anew(tmp_path, monkeypatch):
    """`jax.export` reads what it wrote for half a year."""
    called(tmp_path, Doubling(), jnp.ones(()))
    deserialize, entries = trace_cache.export.deserialize, []

    def expired_at_first(entry):
        entries.append(entry)
        if len(entries) == 1:
            raise ValueError("Cannot deserialize calling convention version 9")
        return deserialize(entry)

    monkeypatch.setattr(trace_cache.export, "deserialize", expired_at_first)
    again = Doubling()
    assert called(tmp_path, again, jnp.ones(())) == 2.0
    assert again.traced == 1
