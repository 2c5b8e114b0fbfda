"""Our side of a workload: the trainer's own step, or the logits, compiled."""

import time
from collections import deque
from collections.abc import Callable
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp

from jaxcnn.benchmark.workload import Workload
from jaxcnn.engine.optim import make_optimizer
from jaxcnn.engine.program import norms_every
from jaxcnn.engine.state import init_state
from jaxcnn.engine.step import STEPS_IN_FLIGHT, make_train_step
from jaxcnn.models import create_model
from jaxcnn.models.spec import Variables, init_variables
from jaxcnn.models.tools.macs import count_macs
from jaxcnn.recipe import Optim, Recipe
from jaxcnn.task.losses import cross_entropy
from jaxcnn.task.task import Batch
from jaxcnn.xla import device_memory

# Forward, gradient to the activations, gradient to the weights.
PASSES = {"train": 3, "infer": 1}


class Ours:
    """A workload on this process's first device.

    `compiled` takes no memory of the device and may be asked for in a thread, several workloads' at
    once; arrays come with the first step.

    Args:
        compiler_options: XLA's, by name, for this program alone.
    """

    def __init__(
        self, workload: Workload, compiler_options: dict[str, str | bool] | None = None
    ) -> None:
        self.workload = workload
        self._compiler_options = compiler_options
        dtype = jnp.dtype(workload.precision)
        self._model = create_model(workload.arch, num_classes=workload.num_classes, dtype=dtype)
        self._size = (workload.image_size, workload.image_size)
        self._optimizer = make_optimizer(Optim("sgd", lr=0.01, weight_decay=0.0), lambda _: 0.01)

    @cached_property
    def _program(self) -> tuple[jax.stages.Compiled, float]:
        start = time.perf_counter()
        trains = self.workload.mode == "train"
        function = self._train_step() if trains else self._model.apply
        # The state; the logits' variables stay as they are.
        jitted = jax.jit(function, donate_argnums=(0,) if trains else ())
        lowered = jitted.lower(*jax.eval_shape(self._arguments))
        compiled = lowered.compile(self._compiler_options)
        return compiled, time.perf_counter() - start

    @property
    def compiled(self) -> jax.stages.Compiled:
        return self._program[0]

    @property
    def compile_seconds(self) -> float:
        """Tracing and compilation of the step, without a cache."""
        return self._program[1]

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of one image's forward pass."""
        shapes = jax.eval_shape(self._variables, jax.random.key(0))
        one = jax.ShapeDtypeStruct((1, *self._size, self.workload.channels), jnp.float32)
        return count_macs(self._model.apply, shapes, one)

    @property
    def flops_per_image(self) -> int:
        """Of the model's convolutions and products; what is computed twice counts once."""
        return 2 * self.macs * PASSES[self.workload.mode]

    @property
    def program_bytes(self) -> int:
        """The device memory that a step takes, by the compiler's account."""
        program_bytes = device_memory.program_bytes(self.compiled)
        assert program_bytes is not None, "every compiler of a device with memory of its own says"
        return program_bytes

    def seconds(self, steps: int) -> list[float]:
        """Runs so many steps; the seconds of each.

        On an accelerator, but for the first, those of all by their number: they are queued as the
        trainer queues them, and one that waited for its end would leave the device without work.
        """
        if jax.default_backend() == "cpu":
            return [seconds_of(self._step, 1) for _ in range(steps)]
        queued = steps - 1
        first = seconds_of(self._step, 1)
        return [first] + [seconds_of(self._step, queued) / queued] * queued if queued else [first]

    @cached_property
    def _step(self) -> Callable[[], Any]:
        """Gives the device a step, and returns what is there when it is done."""
        compiled, arguments = self.compiled, jax.jit(self._arguments)()
        if self.workload.mode == "infer":
            return lambda: compiled(*arguments)
        state, *others = arguments

        def step() -> Any:
            nonlocal state
            state, sums = compiled(state, *others)
            # Not the state: the next step takes its memory.
            return sums

        jax.block_until_ready(step())
        return step

    def _arguments(self) -> tuple[Any, ...]:
        """What the compiled function takes: random images, and a fresh state or variables."""
        workload, key = self.workload, jax.random.key(0)
        shape = (workload.batch_size, *self._size, workload.channels)
        images = jax.random.normal(jax.random.key(1), shape)
        if workload.mode == "infer":
            return self._variables(key), images
        labels = jnp.arange(workload.batch_size) % workload.num_classes
        state = init_state(
            self._model,
            self._optimizer,
            key,
            image_size=self._size,
            channels=workload.channels,
        )
        return state, {"image": images, "label": labels}, key

    def _variables(self, key: jax.Array) -> Variables:
        return init_variables(self._model, key, self._size, self.workload.channels)

    def _train_step(self) -> Callable[..., Any]:
        def prepare(_: jax.Array, batch: Batch) -> tuple[jax.Array, jax.Array]:
            return batch["image"], jax.nn.one_hot(batch["label"], self.workload.num_classes)

        return make_train_step(
            self._model,
            self._optimizer,
            cross_entropy(),
            prepare=prepare,
            norms_every=norms_every(Recipe.log_every_steps, jax.default_backend()),
        )


def seconds_of(step: Callable[[], Any], steps: int) -> float:
    """The seconds that so many steps take, given to the device as the trainer does."""
    under_way: deque[Any] = deque()
    start = time.perf_counter()
    for _ in range(steps):
        under_way.append(step())
        if len(under_way) > STEPS_IN_FLIGHT:
            jax.block_until_ready(under_way.popleft())
    jax.block_until_ready(list(under_way))
    return time.perf_counter() - start
