"""Our side of a workload: the trainer's own step, or the logits, compiled."""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.benchmarks.peak_memory import peak_bytes
from jaxcnn.benchmarks.workload import Workload
from jaxcnn.losses import cross_entropy
from jaxcnn.models import create_model
from jaxcnn.models.macs import count_macs
from jaxcnn.models.spec import Variables, init_variables
from jaxcnn.optim import make_optimizer
from jaxcnn.recipe import Optim
from jaxcnn.state import init_state
from jaxcnn.step import Batch, make_train_step


class Ours:
    """A workload, compiled.

    Attributes:
        compile_seconds: tracing and compilation of the step, without a cache.
        macs: multiply-accumulates of one image's forward pass.
    """

    def __init__(self, workload: Workload) -> None:
        dtype = jnp.dtype(workload.precision)
        self._model = create_model(workload.arch, num_classes=workload.num_classes, dtype=dtype)
        self._size = (workload.image_size, workload.image_size)
        self._channels = workload.channels
        make = self._make_train if workload.mode == "train" else self._make_infer
        images = (workload.batch_size, *self._size, workload.channels)
        self._step, self.compile_seconds = make(workload, images)
        shapes = jax.eval_shape(self._init, jax.random.key(0))
        one = jax.ShapeDtypeStruct((1, *images[1:]), jnp.float32)
        self.macs = count_macs(self._model.apply, shapes, one)
        self._step()

    def seconds(self, steps: int) -> list[float]:
        """Runs so many steps; the seconds of each."""
        seconds = []
        for _ in range(steps):
            start = time.perf_counter()
            self._step()
            seconds.append(time.perf_counter() - start)
        return seconds

    @property
    def peak_bytes(self) -> int:
        """The largest this process has been in memory."""
        return peak_bytes()

    def _init(self, key: jax.Array) -> Variables:
        return init_variables(self._model, key, self._size, self._channels)

    def _make_infer(
        self, workload: Workload, shape: tuple[int, ...]
    ) -> tuple[Callable[[], None], float]:
        variables = jax.jit(self._init)(jax.random.key(0))
        images = jax.random.normal(jax.random.key(1), shape, jnp.float32)
        start = time.perf_counter()
        logits = jax.jit(self._model.apply).lower(variables, images).compile()
        compile_seconds = time.perf_counter() - start
        return lambda: jax.block_until_ready(logits(variables, images)), compile_seconds

    def _make_train(
        self, workload: Workload, shape: tuple[int, ...]
    ) -> tuple[Callable[[], None], float]:
        optimizer = make_optimizer(Optim("sgd", lr=0.01, weight_decay=0.0), lambda _: 0.01)

        def prepare(_: jax.Array, batch: Batch) -> tuple[jax.Array, jax.Array]:
            return batch["image"], jax.nn.one_hot(batch["label"], workload.num_classes)

        def init():
            return init_state(
                self._model,
                optimizer,
                jax.random.key(0),
                image_size=self._size,
                channels=workload.channels,
            )

        train = make_train_step(self._model, optimizer, cross_entropy(), prepare=prepare)
        rng = np.random.default_rng(0)
        batch = {
            "image": jnp.asarray(rng.normal(size=shape), jnp.float32),
            "label": jnp.arange(shape[0]) % workload.num_classes,
        }
        state, key = jax.jit(init)(), jax.random.key(1)
        start = time.perf_counter()
        compiled = jax.jit(train, donate_argnums=0).lower(state, batch, key).compile()
        compile_seconds = time.perf_counter() - start

        def step() -> None:
            nonlocal state
            state, _ = compiled(state, batch, key)
            jax.block_until_ready(state)

        return step, compile_seconds


def matmul_flops(size: int = 2048, repeats: int = 5) -> float:
    """Floating-point operations per second of a large float32 product: the machine's peak."""
    a = jnp.ones((size, size), jnp.float32)
    product = jax.jit(jnp.matmul)
    product(a, a).block_until_ready()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        product(a, a).block_until_ready()
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds)
