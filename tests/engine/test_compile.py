"""--parallel=pmap computes what --parallel=jit does, on eight simulated devices."""

import io
from dataclasses import replace

import chex
import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
from flax import linen as nn
from rich.console import Console

from jaxcnn.data import dataset_spec
from jaxcnn.engine.compile import UnderPmap, under_jit
from jaxcnn.engine.mesh import batch_sharding, make_mesh, replicated, state_shardings, to_devices
from jaxcnn.engine.optim import make_optimizer
from jaxcnn.engine.program import build
from jaxcnn.engine.state import init_state
from jaxcnn.engine.step import make_train_step
from jaxcnn.errors import UserError
from jaxcnn.layers.conv import Conv
from jaxcnn.layers.dropout import Dropout
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.layers.stochastic_depth import StochasticDepth
from jaxcnn.recipe import Mesh, Optim, Recipe, check
from jaxcnn.task.losses import cross_entropy
from jaxcnn.task.mixing import make_mix
from jaxcnn.train.fit import fit

KEY = jax.random.key(0)


class Network(nn.Module):
    """With batch statistics, dropout and stochastic depth."""

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool) -> jax.Array:
        x = nn.relu(BatchNorm(use_running_average=not train)(Conv(8, (3, 3))(images)))
        x = x + StochasticDepth(0.5)(Conv(8, (3, 3))(x), train=train)
        x = Dropout(0.2, deterministic=not train)(x.mean((1, 2)))
        return nn.Dense(10, name="head")(x)


def batches(num_steps):
    rng = np.random.default_rng(0)
    for _ in range(num_steps):
        images = rng.integers(256, size=(32, 8, 8, 3), dtype=np.uint8)
        yield {"image": images, "label": rng.integers(10, size=32).astype(np.int32)}


def trained(parallel, num_steps=5):
    """The state after some steps, and each step's metrics: mixing by either method, parts, averages
    and clipping."""
    mesh = make_mesh(Mesh())
    model = Network()
    optimizer = make_optimizer(Optim(clip_norm=1.0), lambda step: 0.05)
    mix = make_mix(mixup_alpha=0.5, cutmix_alpha=0.5)
    assert mix is not None

    def prepare(key, batch):
        return mix(key, batch["image"] / 127.5 - 1, jax.nn.one_hot(batch["label"], 10))

    def init():
        return init_state(model, optimizer, KEY, image_size=(8, 8), channels=3, ema=True)

    shardings = state_shardings(jax.eval_shape(init), mesh)
    state = jax.jit(init, out_shardings=shardings)()
    step = make_train_step(
        model, optimizer, cross_entropy(), prepare=prepare, accumulate_steps=2, ema_decay=0.9
    )
    compiled = UnderPmap(step, mesh) if parallel == "pmap" else under_jit(step, mesh, shardings)
    metrics = []
    for batch in batches(num_steps):
        given, key = state, jax.device_put(KEY, replicated(mesh))
        state, sums = compiled(given, to_devices(batch, batch_sharding(mesh)), key)
        metrics.append(jax.device_get(sums))
    assert given.params["head"]["kernel"].is_deleted(), "the state is donated"
    return state, metrics


def test_pmap_and_jit_train_alike():
    """Statistics, gradients, mixing partners and metrics are the whole batch's; so is what is
    drawn at random."""
    state, metrics = trained("jit")
    pmap_state, pmap_metrics = trained("pmap")
    chex.assert_trees_all_close(pmap_metrics, metrics, rtol=1e-4)
    chex.assert_trees_all_close(pmap_state, state, rtol=1e-3, atol=1e-4)
    assert metrics[0]["n"] == 32


# The runs below: 1,257 images, 4 steps an epoch.
RECIPE = Recipe(
    "mlp",
    epochs=2,
    batch_size=256,
    image_size=8,
    optim=Optim("sgd", lr=0.05),
    checkpoint_every_steps=3,
)


def test_a_program_compiled_ahead_is_found_by_the_first_call(caplog):
    recipe = replace(RECIPE, batch_size=16, parallel="pmap")
    program = build(recipe, dataset_spec("digits"), steps_per_epoch=1, total_steps=1)
    state = program.init_state()
    program.lower_train(recipe.image_size).compile()
    batch = {
        "image": np.zeros(program.batch_like["image"].shape, np.uint8),
        "label": np.zeros(16, np.int32),
    }
    with jax.log_compiles(), caplog.at_level("WARNING"):
        program.train_step(state, to_devices(batch, program.rows), program.step_key)
    compiled = [line for line in caplog.messages if line.startswith("Compiling ")]
    assert not [line for line in compiled if "_fun" in line or "step" in line], compiled


class Stop(Exception):
    """The process ends."""


def stop_after_an_epoch(line):
    if line["epoch"] == 1:
        raise Stop


def final_state(workdir):
    return ocp.StandardCheckpointer().restore(workdir / "checkpoints/8/state")


@pytest.mark.parametrize(("first", "second"), [("jit", "pmap"), ("pmap", "jit")])
def test_a_run_goes_on_with_the_other(tmp_path, first, second):
    shown = io.StringIO()
    console = Console(file=shown, width=200)
    whole = replace(RECIPE, parallel=first)
    fit(whole, tmp_path / "whole", console=console)
    with pytest.raises(Stop):
        fit(whole, tmp_path / "changed", console=console, callbacks=[stop_after_an_epoch])
    fit(replace(RECIPE, parallel=second), tmp_path / "changed", console=console)
    assert "going on from step " in shown.getvalue()
    chex.assert_trees_all_close(
        final_state(tmp_path / "changed"), final_state(tmp_path / "whole"), rtol=1e-3, atol=1e-5
    )


def test_pmap_does_not_split_the_state():
    with pytest.raises(UserError, match="--mesh.fsdp=2 takes --parallel=jit"):
        check(replace(RECIPE, parallel="pmap", mesh=Mesh(fsdp=2)))


def test_several_processes_are_refused_under_pmap(monkeypatch):
    recipe = replace(RECIPE, parallel="pmap")
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    with pytest.raises(UserError, match="several take --parallel=jit"):
        build(recipe, dataset_spec("digits"), steps_per_epoch=1, total_steps=1)
