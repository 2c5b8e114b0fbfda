"""A split, evaluated: each example counts once, whatever batches and processes it came by."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import jax
import numpy as np
from flax import linen as nn
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding

from jaxcnn.engine.mesh import to_devices
from jaxcnn.engine.step import STEPS_IN_FLIGHT, EvalStep, make_eval_step
from jaxcnn.models.spec import Variables
from jaxcnn.task.metrics import Figures, Sums, add_sums
from jaxcnn.task.task import Task


def eval_step_of(model: nn.Module, task: Task, *, flip: bool = False) -> EvalStep:
    """Evaluation of a task, not compiled yet; see `make_eval_step`."""
    return make_eval_step(
        model,
        task.eval_loss,
        prepare=task.prepare_eval,
        labels=task.labels,
        metrics=task.metrics,
        flip=flip,
    )


@dataclass(frozen=True)
class Evaluation:
    """A split, evaluated.

    Attributes:
        figures: `{"top1", "top5", "loss", "n"}`, or `{"mAP", "CF1", "OF1", "loss", "n"}`.
        labels: int [n], in the split's order; [n, K] where images have several; of another task
            what it takes of a batch. None where only figures were asked for.
        logits: float32 [n, K]; likewise. Of averaged views the logarithms of their mean
            probabilities.
    """

    figures: Figures
    labels: Any
    logits: np.ndarray | None

    @property
    def kept(self) -> np.ndarray:
        """`logits`, which whoever asks for them had kept."""
        assert self.logits is not None, "kept"
        return self.logits


def evaluate(
    eval_step: EvalStep,
    rows: NamedSharding,
    variables: Variables,
    batches: Iterable[Mapping[str, Any]],
    *,
    task: Task,
    keep: bool = True,
    between: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Evaluates all of `batches`, each example once; `between` is called before each batch.

    Of several processes each gives its own rows, and all get the whole split's result.
    `eval_step` is compiled, `rows` how batches lie on the devices (see `Program`): what the host
    has is sent there, what is there already stays. A batch is sent while those before it are
    computed. Unless told to `keep` labels and logits, those are brought to the host only where the
    figures ask for them.
    """
    sums: Sums = {}
    labels, outputs = [], []
    under_way: deque[tuple[Any, Any]] = deque()
    brings_all = keep or task.metrics.asks_all

    def settle(leave: int) -> None:
        nonlocal sums
        while len(under_way) > leave:
            known, (batch_sums, batch_outputs) = under_way.popleft()
            sums = add_sums(sums, batch_sums)
            if brings_all:
                batch_labels, weight = multihost_utils.process_allgather(known, tiled=True)
                real = weight > 0
                labels.append(jax.tree.map(itemgetter(real), batch_labels))
                outputs.append(np.asarray(batch_outputs)[real])

    for batch in batches:
        between()
        there = isinstance(batch["weight"], jax.Array)
        on_devices = batch if there else to_devices(batch, rows)
        known = (task.labels(on_devices), on_devices["weight"])
        under_way.append((known, eval_step(variables, on_devices)))
        settle(leave=STEPS_IN_FLIGHT)
    settle(leave=0)
    all_labels = all_outputs = None
    if brings_all:
        all_labels = jax.tree.map(lambda *parts: np.concatenate(parts), *labels)
        all_outputs = np.concatenate(outputs)
    figures = task.metrics.evaluated(sums, all_labels, all_outputs)
    return Evaluation(figures, all_labels, all_outputs)
