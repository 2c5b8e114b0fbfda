"""A recipe made concrete: its model, its steps compiled over a mesh, its arrays placed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from flax.errors import FlaxError
from jax.sharding import NamedSharding

from jaxcnn.data import DatasetSpec
from jaxcnn.data.preprocessing import Preprocessing
from jaxcnn.engine.abreast import abreast
from jaxcnn.engine.compile import CompiledStep, UnderPmap, under_jit
from jaxcnn.engine.evaluate import eval_step_of
from jaxcnn.engine.given import NOTHING, Given
from jaxcnn.engine.learning import ALL, Learning, learning_of
from jaxcnn.engine.mesh import (
    Devices,
    batch_sharding,
    check_batch_size,
    make_mesh,
    place,
    replicated,
    state_shardings,
)
from jaxcnn.engine.model_input import image_channels
from jaxcnn.engine.optim import Matrices, make_optimizer
from jaxcnn.engine.resident import Resident, many_steps, steps_like
from jaxcnn.engine.schedules import make_schedule
from jaxcnn.engine.state import TrainState, fresh_state
from jaxcnn.engine.step import EvalStep, TrainStep, make_train_step
from jaxcnn.engine.swa import FreshStatistics, first_step, statistics_of_batch, swa_rate
from jaxcnn.engine.teacher import Taught, Teacher
from jaxcnn.errors import UserError
from jaxcnn.models import model_place
from jaxcnn.models.hidden_matrices import hidden_matrices
from jaxcnn.models.spec import Variables, init_variables
from jaxcnn.models.tools.head_variables import head_variables
from jaxcnn.recipe import Recipe, compute_dtype, model_overrides
from jaxcnn.task.of_data import training_task_of
from jaxcnn.task.task import Batch, Task
from jaxcnn.weights.torch_names import head_paths
from jaxcnn.xla.gpu import on_gpu, reproducible_options, with_float32_products
from jaxcnn.xla.platform import one_cpu
from jaxcnn.xla.trace_cache import Function, Once, TraceCache


@dataclass(frozen=True)
class Program:
    """What `build` makes of a recipe.

    Attributes:
        seed: of the recipe. Nothing that is compiled depends on it: `replace(program, seed=1)` is
            the program of the same recipe with another.
        draw: key -> state at step 0, on the devices.
        state_like: shapes, dtypes and shardings of the state.
        train_step: compiled; donates the state it is given.
        batch_like: shapes, dtypes and shardings of the batch that `train_step` takes.
        train: what a training calls again and again: `train_step`, or of a set on the devices
            `resident.many_steps` of it, compiled.
        train_like: of what `train` takes, as `batch_like`.
        train_abreast: number of runs -> `train` of so many at once; see `jaxcnn.engine.abreast`.
        eval_step: compiled.
        schedule: step -> learning rate.
        rows: how batches lie on the devices.
        task: what is learned.
        learning: which parameters learn.
        model: the network.
        fresh_statistics: of the averaged weights of a recipe with `swa_start`, where the network
            has any.
    """

    seed: int
    draw: Callable[[jax.Array], TrainState]
    state_like: TrainState
    train_step: CompiledStep
    batch_like: dict[str, jax.ShapeDtypeStruct]
    train: CompiledStep
    train_like: dict[str, Any]
    train_abreast: Callable[[int], CompiledStep]
    eval_step: EvalStep
    schedule: optax.Schedule
    rows: NamedSharding
    task: Task
    learning: Learning
    model: nn.Module
    fresh_statistics: FreshStatistics | None = None

    def init_state(self) -> TrainState:
        """The state at step 0, on the devices."""
        return self.draw(self._keys[0])

    @property
    def step_key(self) -> jax.Array:
        """The key that `train_step` takes, the same for every step."""
        return self._keys[1]

    @cached_property
    def _keys(self) -> tuple[jax.Array, jax.Array]:
        init_key, step_key = jax.random.split(jax.random.key(self.seed))
        return init_key, step_key

    @property
    def num_params(self) -> int:
        return sum(leaf.size for leaf in jax.tree.leaves(self.state_like.params))

    @property
    def num_trained(self) -> int:
        """Of `num_params`, those that learn."""
        learn, _ = self.learning.split(self.state_like.params)
        return sum(leaf.size for leaf in jax.tree.leaves(learn))

    def lower_train(self, image_size: int) -> jax.stages.Lowered:
        """`train` traced; the first call after its `compile()` finds it compiled."""
        batch = self.batch_of(image_size) if self.train is self.train_step else self.train_like
        return self.train.lower(self.state_like, batch, self.step_key)

    def batch_of(self, image_size: int) -> dict[str, jax.ShapeDtypeStruct]:
        """`batch_like`, but with images of another height and width."""
        images = self.batch_like["image"]
        batch_size, _, _, channels = images.shape
        shape = (batch_size, image_size, image_size, channels)
        return {**self.batch_like, "image": images.update(shape=shape)}

    def check_sizes(self, image_sizes: Iterable[int]) -> None:
        """Raises UserError for a size of training images that the model cannot take.

        Some have parameters for one size only, others need so many pixels at least.
        """
        for size in image_sizes:
            try:
                jax.eval_shape(self.train_step, self.state_like, self.batch_of(size), self.step_key)
            except (ValueError, TypeError, FlaxError) as error:
                final = self.batch_like["image"].shape[1]
                raise UserError(
                    f"a model of images of {final}x{final} pixels cannot be trained on {size}x"
                    f"{size}; leave out --augment.progressive-size, or give another, or another "
                    "--arch"
                ) from error


def build(
    recipe: Recipe,
    data: DatasetSpec,
    *,
    steps_per_epoch: int,
    total_steps: int,
    preprocessing: Preprocessing | None = None,
    devices: Devices | None = None,
    class_weights: np.ndarray | None = None,
    trace_folder: Path | None = None,
    autotuning: Path | None = None,
    resident: Resident | None = None,
    given: Given = NOTHING,
    teacher: Teacher | None = None,
) -> Program:
    """Makes the program of a recipe. Nothing is compiled until it is first called.

    `preprocessing` has the mean and standard deviation that images are normalised by; the data
    set's own if not given. `devices` are all there are, if not given; those of a topology that is
    only described may be compiled for. `class_weights`, float [K], count in the training loss only.
    `trace_folder` keeps the traced programs for other processes, where the one device is a CPU; for
    one whose modules are what their files say (see `TraceCache`). `autotuning` keeps which kernels
    XLA chose for a deterministic recipe on GPUs (see `reproducible_options`). `resident` is the
    training set, where it is to lie on the devices. `given` is what the program gave the run, and
    `teacher` what a recipe with `distill` is trained by: of these no trace is kept.

    Raises UserError where the batch does not split over the devices, the model cannot take the
    images, the devices are too few, or several processes or a deterministic recipe on GPUs are to
    run under pmap.
    """
    preprocessing = preprocessing or Preprocessing(data.mean, data.std)
    mesh = make_mesh(recipe.mesh, devices)
    check_batch_size(recipe.batch_size, recipe.optim.accumulate_steps, mesh)
    if recipe.parallel == "pmap" and jax.process_count() > 1:
        raise UserError("--parallel=pmap runs in one process; several take --parallel=jit")
    gpu = on_gpu(mesh.devices.flat)
    if recipe.parallel == "pmap" and recipe.deterministic and gpu:
        raise UserError("--deterministic on a GPU takes --parallel=jit")
    options = reproducible_options(autotuning) if recipe.deterministic and gpu else None
    task = given.task_of(training_task_of(recipe, data, preprocessing, class_weights))
    model = model_of(recipe, task.num_outputs, given)
    schedule = make_schedule(
        recipe.schedule,
        recipe.optim.lr,
        steps_per_epoch=steps_per_epoch,
        total_steps=total_steps,
    )
    channels = image_channels(recipe, data, given)
    optimizer = make_optimizer(
        recipe.optim,
        schedule,
        _matrices(recipe, task.num_outputs, channels, given),
        given.model_of(recipe).layers,
    )

    # A seed is not in the programs but in what they are given: all seeds share them.
    closed_over = (
        replace(recipe, seed=0),
        {name: value for name, value in vars(data).items() if not callable(value)},
        preprocessing,
        steps_per_epoch,
        total_steps,
        None if class_weights is None else class_weights.tolist(),
    )
    once: Once = (
        TraceCache(trace_folder, repr(closed_over)).once
        if trace_folder is not None
        and _is_one_cpu(mesh)
        and recipe.parallel == "jit"
        and given == NOTHING
        and teacher is None
        else _at_every_start
    )

    def init_model(key: jax.Array) -> Variables:
        return init_variables(model, key, (recipe.image_size, recipe.image_size), channels)

    init_model = once("init_model", init_model)

    learning = _learning(recipe, init_model, channels, given)

    def init(key: jax.Array) -> TrainState:
        ema = (recipe.optim.ema_decay, recipe.optim.swa_start) != (None, None)
        return fresh_state(init_model(key), optimizer, ema=ema, learning=learning)

    swa = recipe.optim.swa_start
    shapes = jax.eval_shape(init, jax.random.key(0))
    shardings = state_shardings(shapes, mesh)
    train_step = make_train_step(
        model,
        optimizer,
        task.train_loss,
        prepare=task.prepare_train,
        labels=task.labels,
        metrics=task.metrics,
        class_weights=task.class_weights,
        accumulate_steps=recipe.optim.accumulate_steps,
        ema_decay=recipe.optim.ema_decay,
        ema_warmup=recipe.optim.ema_warmup,
        skip_not_finite=recipe.on_nan == "skip",
        norms_every=norms_every(recipe.log_every_steps, mesh.devices.flat[0].platform),
        learning=learning,
        sam_rho=recipe.optim.sam_rho,
        swa=None
        if swa is None
        else swa_rate(swa, steps_per_epoch=steps_per_epoch, total_steps=total_steps),
        teaching=teacher and teacher.teaching(recipe, preprocessing.mean, preprocessing.std),
    )
    rows = batch_sharding(mesh)
    many = resident and many_steps(train_step, resident, rows)
    train_step = _step_once(once, "train_step", train_step)
    eval_step = once("eval_step", eval_step_of(model, task, flip=recipe.eval_flip))
    if gpu and recipe.precision == "float32":
        train_step = with_float32_products(train_step)
        many = many and with_float32_products(many)
    if gpu and recipe.precision != "bfloat16":
        eval_step = with_float32_products(eval_step)
    fresh = None
    if swa is not None and shapes.batch_stats:
        of_batch = statistics_of_batch(model, task, learning)
        if gpu and recipe.precision != "bfloat16":
            of_batch = with_float32_products(of_batch)
        of_batch = jax.jit(of_batch, out_shardings=replicated(mesh), compiler_options=options)
        fresh = FreshStatistics(first_step(swa, total_steps), of_batch, rows)
    images = (recipe.batch_size, recipe.image_size, recipe.image_size, channels)
    batch_like = {
        "image": jax.ShapeDtypeStruct(images, jnp.uint8),
        **task.labels_like(recipe.batch_size),
    }
    taught = _taught_by(teacher, mesh)
    compiled_step = taught(
        UnderPmap(train_step, mesh)
        if recipe.parallel == "pmap"
        else under_jit(train_step, mesh, shardings, options)
    )
    batch_like = {name: like.update(sharding=rows) for name, like in batch_like.items()}
    train, train_like = compiled_step, batch_like
    step = train_step
    if resident is not None and many is not None:
        step = many
        train = taught(under_jit(_step_once(once, "train_steps", many), mesh, shardings, options))
        train_like = steps_like(batch_like, resident, rows)

    def train_abreast(num_runs: int) -> CompiledStep:
        each = (shardings,) * num_runs
        if teacher is None:
            return under_jit(abreast(step, num_runs), mesh, each, options)

        def with_one_teacher(states: Any, batch: Any, keys_and_teacher: Any) -> Any:
            keys, variables = keys_and_teacher

            def of_one(state: TrainState, own: Batch, key: jax.Array) -> Any:
                both: Any = (key, variables)
                return step(state, own, both)

            return abreast(of_one, num_runs)(states, batch, keys)

        return taught(under_jit(with_one_teacher, mesh, each, options))

    return Program(
        seed=recipe.seed,
        draw=partial(_drawn_on_cpu, init, shardings=shardings),
        state_like=jax.tree.map(
            lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
            shapes,
            shardings,
        ),
        train_step=compiled_step,
        batch_like=batch_like,
        train=train,
        train_like=train_like,
        train_abreast=train_abreast,
        eval_step=jax.jit(eval_step, out_shardings=replicated(mesh), compiler_options=options),
        schedule=schedule,
        rows=rows,
        task=task,
        learning=learning,
        model=model,
        fresh_statistics=fresh,
    )


def _taught_by(
    teacher: Teacher | None, mesh: jax.sharding.Mesh
) -> Callable[[CompiledStep], CompiledStep]:
    """What gives a compiled step the teacher's weights, on the devices of the mesh."""
    if teacher is None:
        return lambda step: step
    lies = state_shardings(teacher.variables, mesh)
    return partial(Taught, variables=jax.tree.map(place, teacher.variables, lies))


def _learning(
    recipe: Recipe, init_model: Callable[[jax.Array], Variables], channels: int, given: Given
) -> Learning:
    """Which parameters learn."""
    if recipe.finetune == "full":
        return ALL
    shapes = jax.eval_shape(init_model, jax.random.key(0))
    return learning_of(
        recipe.finetune,
        shapes["params"],
        shapes["batch_stats"],
        head={path[1] for path in head_of(recipe, channels, given)},
        layers=given.model_of(recipe).layers,
        arch=recipe.arch,
    )


def head_of(recipe: Recipe, channels: int, given: Given = NOTHING) -> frozenset[tuple[str, ...]]:
    """Paths of the variables of the recipe's network that its number of classes decides."""
    is_own = given.model is not None or model_place(recipe.arch) is not None
    if not recipe.model.fields and not is_own:
        return frozenset(head_paths(recipe.arch))
    # A network that the architecture's name alone does not tell, or a user's.
    size = (recipe.image_size, recipe.image_size)
    return frozenset(head_variables(partial(model_of, recipe, given=given), size, channels))


def norms_every(log_every_steps: int, platform: str) -> int:
    """How often a step on devices of that platform counts its norms, to be logged so often.

    A CPU pays for a pass over the parameters, an accelerator for the host that decides whether to.
    """
    return log_every_steps if platform == "cpu" else 1


def _drawn_on_cpu(
    init: Callable[[jax.Array], TrainState], key: jax.Array, *, shardings: TrainState
) -> TrainState:
    """`init(key)`, placed by `shardings`: the same bits for a seed, whatever the devices are.

    Drawn by one program on one CPU: each kind of device, and each way to split a program over
    several, rounds the normal distribution's inverse in its own way. Without a CPU backend
    (JAX_PLATFORMS names others only) the first device draws.
    """
    cpu = one_cpu()
    # It runs once: to compile it at full effort takes longer than it saves.
    draw = jax.jit(init, compiler_options={"xla_backend_optimization_level": 0})
    with jax.default_device(cpu):
        drawn = draw(jax.device_put(key, cpu))
    return jax.tree.map(place, drawn, shardings)


def _is_one_cpu(mesh: jax.sharding.Mesh) -> bool:
    return mesh.size == 1 and mesh.devices.flat[0].platform == "cpu"


def _at_every_start(name: str, function: Function) -> Function:
    return function


def _step_once(once: Once, name: str, train_step: TrainStep) -> TrainStep:
    """The step, or steps, kept as one of leaves: the classes of the state's tree are not data."""

    def leaves_step(
        state: TrainState, batch: Batch, key: jax.Array
    ) -> tuple[list[jax.Array], dict[str, jax.Array]]:
        state, sums = train_step(state, batch, key)
        return jax.tree.leaves(state), sums

    kept = once(name, leaves_step)

    def step(
        state: TrainState, batch: Batch, key: jax.Array
    ) -> tuple[TrainState, dict[str, jax.Array]]:
        leaves, sums = kept(state, batch, key)
        return jax.tree.unflatten(jax.tree.structure(state), leaves), sums

    return step


def model_of(recipe: Recipe, num_classes: int, given: Given = NOTHING) -> nn.Module:
    """The recipe's network. Raises UserError for what the architecture does not have."""
    overrides = model_overrides(recipe)
    make = given.model_of(recipe).make
    try:
        return make(num_classes=num_classes, dtype=jnp.dtype(compute_dtype(recipe)), **overrides)
    except TypeError as error:
        unknown = [name for name in overrides if f"'{name}'" in str(error)]
        if not unknown:
            raise
        flag = unknown[0].replace("_", "-")
        raise UserError(f"{recipe.arch} has no {unknown[0]}; leave --model.{flag} out") from error


def _matrices(recipe: Recipe, outputs: int, channels: int, given: Given) -> Matrices | None:
    """What the recipe's optimiser takes as matrices."""
    if recipe.optim.name != "muon":
        return None
    size = recipe.image_size, recipe.image_size
    make = partial(model_of, recipe, given=given)
    return hidden_matrices(make, outputs, size, channels)
