"""What GPUs are given to run, as far as a CPU can tell: lowered for them, and compiled here."""

import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from jaxcnn.data import dataset_spec
from jaxcnn.data.augment.crop import RandomCrop
from jaxcnn.data.augment.cutout import Cutout
from jaxcnn.data.augment.flip import HorizontalFlip
from jaxcnn.engine import program
from jaxcnn.engine.abreast import batch_of
from jaxcnn.engine.optim import make_optimizer
from jaxcnn.engine.resident import Resident
from jaxcnn.engine.state import eval_variables, fresh_state
from jaxcnn.engine.step import make_eval_step, make_train_step
from jaxcnn.errors import UserError
from jaxcnn.models import create_model, list_models, model_spec
from jaxcnn.models.spec import init_variables
from jaxcnn.ops.pool import max_pool
from jaxcnn.recipe import Augment, Mesh, Optim, Recipe, differences
from jaxcnn.task.losses import cross_entropy
from jaxcnn.train import fit as fit_module
from jaxcnn.train import start
from jaxcnn.xla import gpu
from tests.parity.cases import CASES, Case
from tests.parity.references import family

RECIPE = Recipe("linear", batch_size=8, image_size=8, optim=Optim(lr=0.1), mesh=Mesh(data=1))
# Added one after the other by atomics, in whichever order they come.
UNORDERED = re.compile(r"stablehlo\.(select_and_scatter|scatter(?!.*unique_indices = true))")


def one_of_each_family():
    """The first case of each file's, which is shallow, or where it has none its smallest model."""
    cases = {family(case.model): case for case in reversed(CASES)}
    for name in sorted(list_models(), key=lambda name: model_spec(name).num_params):
        spec = model_spec(name)
        own = Case(name, "", (spec.image_size,) * 2, channels=spec.channels)
        cases.setdefault(family(name), own)
    return list(cases.values())


def for_cuda(step, *args):
    return jax.jit(step).trace(*args).lower(lowering_platforms=("cuda",)).as_text()


@pytest.mark.parametrize("case", one_of_each_family(), ids=lambda case: case.id)
def test_no_step_adds_in_an_order_that_changes(case):
    model = create_model(case.model, num_classes=case.num_classes, **case.overrides)
    optimizer = make_optimizer(Optim(), lambda _: 0.1)

    def prepare(_, batch):
        return batch["image"], jax.nn.one_hot(batch["label"], case.num_classes)

    def init(key):
        return fresh_state(init_variables(model, key, case.size, case.channels), optimizer)

    key = jax.random.key(0)
    state = jax.eval_shape(init, key)
    batch = {
        "image": jax.ShapeDtypeStruct((2, *case.size, case.channels), jnp.float32),
        "label": jax.ShapeDtypeStruct((2,), jnp.int32),
        "weight": jax.ShapeDtypeStruct((2,), jnp.float32),
    }
    train = make_train_step(model, optimizer, cross_entropy(), prepare=prepare)
    assert not UNORDERED.search(for_cuda(train, state, batch, key))
    if case.model == "linear":  # What evaluation adds is the same whatever the network.
        evaluate = make_eval_step(model, cross_entropy(), prepare=prepare)
        assert not UNORDERED.search(for_cuda(evaluate, eval_variables(state), batch))


@pytest.mark.parametrize(
    "optim",
    [
        Optim("adamw", clip_norm=1.0, ema_decay=0.9, accumulate_steps=2),
        Optim("muon"),
        Optim("lamb"),
    ],
    ids=lambda optim: optim.name,
)
def test_no_recipe_adds_in_an_order_that_changes(optim):
    mixed = Augment(mixup=0.2, cutmix=1.0, label_smoothing=0.1)
    recipe = replace(RECIPE, optim=optim, augment=mixed, on_nan="skip")
    train, _ = texts(recipe)
    assert not UNORDERED.search(train)


def test_what_adds_in_an_order_that_changes_is_seen():
    assert UNORDERED.search(for_cuda(lambda x: x.at[jnp.array([1, 1])].add(1.0), jnp.ones(3)))
    pool = jax.grad(lambda x: jnp.sum(max_pool(x, 2)))
    lowered = jax.jit(pool).trace(jnp.ones((1, 4, 4, 1))).lower(lowering_platforms=("tpu",))
    assert UNORDERED.search(lowered.as_text())


def built(recipe, **settings):
    return program.build(
        recipe, dataset_spec("digits"), steps_per_epoch=1, total_steps=1, **settings
    )


def texts(recipe):
    """The training step and evaluation for CUDA."""
    made = built(recipe)
    state, batch = made.state_like, made.batch_like
    weight = jax.ShapeDtypeStruct(batch["label"].shape, jnp.float32, sharding=made.rows)
    lowered = (
        made.train_step.trace(state, batch, made.step_key),
        made.eval_step.trace(eval_variables(state), {**batch, "weight": weight}),
    )
    return [each.lower(lowering_platforms=("cuda",)).as_text() for each in lowered]


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    for module in (program, fit_module, start):
        monkeypatch.setattr(module, "on_gpu", lambda devices: True)


@pytest.mark.parametrize(
    ("precision", "in_training", "in_evaluation"),
    [("float32", True, True), ("tf32", False, True), ("bfloat16", False, False)],
)
def test_products_of_float32_are_float32s_on_a_gpu(
    as_on_a_gpu, precision, in_training, in_evaluation
):
    recipe = replace(RECIPE, arch="lenet5", image_size=32, precision=precision)
    for text, expected in zip(texts(recipe), (in_training, in_evaluation), strict=True):
        products = re.findall(r"stablehlo\.(?:dot_general|convolution).*", text)
        assert len(products) >= 5
        assert all(("HIGHEST" in product) == expected for product in products)


def test_many_steps_are_a_gpus_as_single_ones_are(as_on_a_gpu):
    """In a loop, all products float32's, nothing that GPUs do in an order of their own."""
    recipe = replace(RECIPE, arch="lenet5", image_size=32, precision="float32")
    drawn = (RandomCrop(32, pad=2), HorizontalFlip(), Cutout(8))
    made = built(recipe, resident=Resident(1257, (), drawn))
    traced = made.train.trace(made.state_like, made.train_like, made.step_key)
    text = traced.lower(lowering_platforms=("cuda",)).as_text()
    products = re.findall(r"stablehlo\.(?:dot_general|convolution).*", text)
    assert len(products) >= 5 and all("HIGHEST" in product for product in products)
    assert "stablehlo.while" in text and not UNORDERED.search(text)


def test_runs_abreast_are_a_gpus_as_one_alone_is(as_on_a_gpu):
    recipe = replace(RECIPE, arch="lenet5", image_size=32, precision="float32")
    made = built(recipe, resident=Resident(1257, (), (RandomCrop(32, pad=2),)))
    state, batch, keys = (
        (made.state_like,) * 2,
        batch_of((made.train_like,) * 2),
        (made.step_key,) * 2,
    )
    traced = made.train_abreast(2).trace(state, batch, keys)
    text = traced.lower(lowering_platforms=("cuda",)).as_text()
    products = re.findall(r"stablehlo\.(?:dot_general|convolution).*", text)
    assert len(products) >= 5 and all("HIGHEST" in product for product in products)
    assert "stablehlo.while" in text and not UNORDERED.search(text)


def test_tf32_is_float32_on_a_cpu():
    assert texts(replace(RECIPE, precision="tf32")) == texts(RECIPE)
    assert "HIGHEST" not in "".join(texts(RECIPE))


def test_what_a_deterministic_run_asks_of_xla_exists(tmp_path):
    options = gpu.reproducible_options(tmp_path)
    assert options["xla_gpu_exclude_nondeterministic_ops"] is True
    assert jax.jit(lambda x: x + 1, compiler_options=options)(1) == 2


def test_a_deterministic_recipe_compiles_its_steps_with_it(as_on_a_gpu, monkeypatch):
    wrong = {"xla_gpu_no_such_option": True}
    monkeypatch.setattr(program, "reproducible_options", lambda folder: wrong)
    plain, made = (built(replace(RECIPE, deterministic=d)) for d in (False, True))
    batch = {**made.batch_like, "weight": jax.ShapeDtypeStruct((8,), jnp.float32)}
    plain.train_step.lower(plain.state_like, plain.batch_like, plain.step_key).compile()
    with pytest.raises(jax.errors.JaxRuntimeError, match="xla_gpu_no_such_option"):
        made.train_step.lower(made.state_like, made.batch_like, made.step_key).compile()
    with pytest.raises(jax.errors.JaxRuntimeError, match="xla_gpu_no_such_option"):
        made.eval_step.lower(eval_variables(made.state_like), batch).compile()


def test_on_a_cpu_a_deterministic_recipe_is_the_same_program(monkeypatch):
    monkeypatch.setattr(program, "reproducible_options", lambda folder: {"xla_no_such": True})
    made = built(replace(RECIPE, deterministic=True, parallel="pmap"))
    made.train_step.lower(made.state_like, made.batch_like, made.step_key).compile()


def test_pmap_which_takes_no_options_is_refused(as_on_a_gpu):
    with pytest.raises(UserError, match="--deterministic on a GPU takes --parallel=jit"):
        built(replace(RECIPE, deterministic=True, parallel="pmap"))


def test_a_run_goes_on_as_deterministic_as_it_began():
    assert differences(RECIPE, replace(RECIPE, deterministic=True)) == [
        "--deterministic: False != True"
    ]


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_run_on_a_gpu_says_first_that_it_is_not_reproducible(
    as_on_a_gpu, tmp_path, monkeypatch, deterministic
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # The first run of a process may have to say which of the CPU's settings it is too late for.
    monkeypatch.setattr(fit_module, "set_up", lambda: None)
    console = Console(record=True, width=200)
    recipe = replace(RECIPE, steps=1, batch_size=32, deterministic=deterministic)
    fit_module.fit(recipe, tmp_path / "run", console=console)
    first = console.export_text().splitlines()[0]
    assert first.startswith("not reproducible to the bit on a GPU") != deterministic
    assert (tmp_path / "run" / "autotuning").is_dir() == deterministic


def test_runs_on_one_machine_share_what_xla_chose_and_each_keeps_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    one, two, moved = (tmp_path / name for name in ("one", "two", "moved"))

    def chosen(folder):
        return {path.name: path.read_text() for path in folder.iterdir()}

    with gpu.autotuning_shared(one) as compiled:
        (one / "product").write_text("kernel 1")
        compiled()
        with gpu.autotuning_shared(two):
            assert chosen(two) == {"product": "kernel 1"}
            (two / "sum").write_text("kernel 2")
    # As it was at its beginning, whatever others have chosen since.
    with gpu.autotuning_shared(one):
        assert chosen(one) == {"product": "kernel 1"}
    # From another machine.
    moved.mkdir()
    (moved / "product").write_text("kernel 3")
    with gpu.autotuning_shared(moved):
        assert chosen(moved) == {"product": "kernel 3"}
    with gpu.autotuning_shared(tmp_path / "last") as _:
        assert chosen(tmp_path / "last") == {"product": "kernel 1", "sum": "kernel 2"}


def test_products_of_float32_are_asked_for_inside_a_function_only():
    def product(x):
        return x @ x

    x = np.ones((4, 4), np.float32)
    assert "HIGHEST" in for_cuda(gpu.with_float32_products(product), x)
    assert "HIGHEST" not in for_cuda(product, x)
