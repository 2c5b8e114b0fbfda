"""One step of training, one of evaluation: pure functions, to be compiled by the caller."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from jaxcnn.engine.learning import ALL, Learning
from jaxcnn.engine.optim import scheduled_at
from jaxcnn.engine.state import TrainState
from jaxcnn.engine.swa import SwaRate
from jaxcnn.engine.teaching import Teaching
from jaxcnn.layers.normalize import statistics_kept
from jaxcnn.models.spec import Variables
from jaxcnn.ops.batch_axis import mean_over_devices, sum_over_devices
from jaxcnn.ops.finite import all_finite
from jaxcnn.task.losses import AUX_WEIGHT, LossFn
from jaxcnn.task.metrics import CLASSES, Metrics
from jaxcnn.task.task import Batch, Prepare

Sums = dict[str, jax.Array]
# What a step tells of itself beside the sums, where it is asked: Euclidean norms of the gradient
# before it is clipped, of the update, and of the parameters after it.
NORMS = ("grad_norm", "update_norm", "param_norm")
# Steps that may be under way before the host looks at the oldest one's metrics: enough to keep a
# device busy, few enough to notice a divergence at once.
STEPS_IN_FLIGHT = 2
TrainStep = Callable[[TrainState, Batch, jax.Array], tuple[TrainState, Sums]]
EvalStep = Callable[[Variables, Batch], tuple[Sums, jax.Array]]


def _class_labels(batch: Batch) -> jax.Array:
    return batch["label"]


def make_train_step(
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    loss_fn: LossFn,
    *,
    prepare: Prepare,
    labels: Callable[[Batch], Any] = _class_labels,
    metrics: Metrics = CLASSES,
    class_weights: np.ndarray | None = None,
    accumulate_steps: int = 1,
    ema_decay: float | None = None,
    ema_warmup: bool = True,
    skip_not_finite: bool = False,
    norms_every: int | None = None,
    learning: Learning = ALL,
    teaching: Teaching | None = None,
    sam_rho: float | None = None,
    swa: SwaRate | None = None,
) -> TrainStep:
    """`step(state, batch, key) -> (state, metrics)`, for a batch of uint8 images and labels.

    `key` is the run's; the step's own randomness is `fold_in(key, state.step)`. The metrics are
    sums over the batch (`task.metrics`), and `finite`: whether loss and gradient are. A model's
    auxiliary classifiers, what it sows in the collection "aux_logits", add their loss times
    `AUX_WEIGHT` to what is minimised, and nothing to the metrics.

    Mapped over `BATCH_AXIS` (`jax.pmap`), the batch is a device's part, and the result is the same.

    Args:
        prepare: normalisation and mixing, on the device.
        labels: what of a batch `metrics` takes.
        metrics: what is summed over the batch.
        class_weights: float [K], those of `loss_fn`. The batch's losses are divided by the mean
            weight of its targets, so that their mean is PyTorch's weighted one.
        accumulate_steps: parts that the batch is computed in, one after the other. The gradient
            is that of the whole batch; batch statistics are each part's own.
        ema_decay: decay per step of the averaged weights and batch statistics.
        ema_warmup: whether the decay grows to that value; see `update_averages`.
        skip_not_finite: where loss or gradient is not finite, leave all but `step` and the learning
            rate's schedule as it is.
        norms_every: the metrics have `NORMS` too, at steps that are multiples of this, and zeros at
            others; each takes a pass over the parameters. None leaves them out.
        learning: which parameters learn. The others take no gradient and no room for one.
        teaching: the loss of a teacher's outputs; the step's `key` is then a pair of that and the
            teacher's variables. The auxiliary classifiers learn from the labels alone.
        sam_rho: how far from the parameters, along the gradient of the whole batch, the gradient is
            taken that they move by (Foret et al., 2021, https://arxiv.org/abs/2010.01412, equations
            2 and 3). Batch statistics and metrics are those of the parameters themselves; dropout
            leaves out the same in both passes.
        swa: in place of `ema_decay`, when weights and batch statistics go into the average.
    """

    def loss_and_sums(
        learn: Any,
        stay: Any,
        batch_stats: Any,
        part: tuple[Any, ...],
        key: jax.Array,
        weight: jax.Array | float,
    ) -> tuple[jax.Array, tuple[Any, Sums]]:
        images, targets, part_labels, taught = part
        with statistics_kept(learning.kept_norms):
            logits, updated = model.apply(
                {"params": learning.joined(learn, stay), "batch_stats": batch_stats},
                images,
                train=True,
                mutable=["batch_stats", "aux_logits"],
                rngs={"dropout": key},
            )
        losses = loss_fn(logits, targets) / weight
        if teaching is not None:
            share = teaching.weight
            losses = (1 - share) * losses + share * teaching.loss(logits, taught)
        sums = metrics.batch_sums(losses, logits, part_labels, jnp.ones_like(losses))
        loss = losses.mean()
        for aux_logits in jax.tree.leaves(updated.get("aux_logits", {})):
            loss += AUX_WEIGHT * loss_fn(aux_logits, targets).mean() / weight
        return loss, (updated.get("batch_stats", batch_stats), sums)

    gradient = jax.grad(loss_and_sums, has_aux=True)

    def with_taught(part: tuple[Any, ...], teacher: Variables | None) -> tuple[Any, ...]:
        """The part with the teacher's outputs of its images: no gradient reaches the teacher."""
        taught = None
        if teaching is not None and teacher is not None:
            taught = jax.lax.stop_gradient(teaching.outputs(teacher, part[0]))
        return (*part, taught)

    def accumulated(
        state: TrainState,
        learn: Any,
        stay: Any,
        whole: tuple[Any, ...],
        key: jax.Array,
        weight: jax.Array | float,
        teacher: Variables | None,
    ) -> tuple[Any, Any, Sums]:
        if accumulate_steps == 1:
            grads, (batch_stats, sums) = gradient(
                learn, stay, state.batch_stats, with_taught(whole, teacher), key, weight
            )
            return grads, batch_stats, sums

        def one_part(carry: Any, part_and_key: Any) -> tuple[Any, None]:
            part, part_key = part_and_key
            grads, batch_stats, sums = carry
            new_grads, (batch_stats, new_sums) = gradient(
                learn, stay, batch_stats, with_taught(part, teacher), part_key, weight
            )
            grads = jax.tree.map(jnp.add, grads, new_grads)
            return (grads, batch_stats, jax.tree.map(jnp.add, sums, new_sums)), None

        def split(x: jax.Array) -> jax.Array:
            # Every n-th row: each device then cuts its own rows, and none has to move.
            return x.reshape(-1, accumulate_steps, *x.shape[1:]).swapaxes(0, 1)

        parts = jax.tree.map(split, whole)
        keys = jax.random.split(key, accumulate_steps)
        zeros = jax.tree.map(jnp.zeros_like, learn)
        no_sums = dict.fromkeys(metrics.sum_names, jnp.zeros(()))
        start = (zeros, state.batch_stats, no_sums)
        (grads, batch_stats, sums), _ = jax.lax.scan(one_part, start, (parts, keys))
        return jax.tree.map(lambda g: g / accumulate_steps, grads), batch_stats, sums

    def step(state: TrainState, batch: Batch, key: Any) -> tuple[TrainState, Sums]:
        key, teacher = (key, None) if teaching is None else key
        prepare_key, dropout_key = jax.random.split(jax.random.fold_in(key, state.step))
        images, targets = prepare(prepare_key, batch)
        whole = (images, targets, labels(batch))
        weight = 1.0
        if class_weights is not None:
            weight = mean_over_devices((targets @ class_weights.astype(np.float32)).mean())
        learn, stay = learning.split(state.params)

        def gradient_at(point: Any) -> tuple[Any, Any, Sums]:
            grads, batch_stats, sums = accumulated(
                state, point, stay, whole, dropout_key, weight, teacher
            )
            return mean_over_devices(grads), batch_stats, sum_over_devices(sums)

        grads, batch_stats, sums = gradient_at(learn)
        if sam_rho is not None:
            grads, _, _ = gradient_at(_uphill(learn, grads, sam_rho))
        updates, opt_state = optimizer.update(grads, state.opt_state, learn)
        params = learning.joined(optax.apply_updates(learn, updates), stay)
        new_state = state.replace(
            step=state.step + 1, params=params, batch_stats=batch_stats, opt_state=opt_state
        )
        if ema_decay is not None:
            new_state = update_averages(new_state, ema_decay, warmup=ema_warmup, learning=learning)
        finite = jnp.isfinite(sums["loss"]) & all_finite(*jax.tree.leaves(grads))
        if skip_not_finite:
            step_done = new_state.step
            kept = state.replace(step=step_done, opt_state=scheduled_at(state.opt_state, step_done))
            new_state = jax.tree.map(partial(jnp.where, finite), new_state, kept)
        if swa is not None:
            # After a step was left out: an epoch ends with the weights that there are.
            new_state = _with_epochs_end(new_state, swa(new_state.step), learning)
        results = {**sums, "finite": finite}
        if norms_every is not None:
            trees = (grads, updates, new_state.params)
            results |= _norms(trees, new_state.step, norms_every)
        return new_state, results

    return step


def _uphill(params: Any, grads: Any, rho: float) -> Any:
    """The parameters moved by rho along the gradient; where there is none, as they are."""
    norm = optax.tree.norm(grads)
    return optax.tree.add_scale(params, jnp.where(norm > 0, rho / norm, 0.0), grads)


def _norms(trees: tuple[Any, ...], step: jax.Array, every: int) -> Sums:
    """`NORMS` of the trees, where `step` is a multiple of `every`; else zeros."""

    def of(*trees: Any) -> list[jax.Array]:
        return [optax.tree.norm(tree) for tree in trees]

    def none(*trees: Any) -> list[jax.Array]:
        return [jnp.zeros(())] * len(NORMS)

    values = of(*trees) if every == 1 else jax.lax.cond(step % every == 0, of, none, *trees)
    return dict(zip(NORMS, values, strict=True))


def update_averages(
    state: TrainState, decay: float, *, warmup: bool = True, learning: Learning = ALL
) -> TrainState:
    """Moves the averaged weights and batch statistics towards the state's own.

    What does not learn is its own average, to the bit.

    The statistics are averaged alike: those of the current weights do not fit the averaged ones.
    With `warmup` the decay is (1 + step) / (10 + step) early on, so that the average forgets the
    initial weights even in a short run, as TensorFlow's ExponentialMovingAverage has it.
    """
    step = state.step.astype(jnp.float32)
    rate = 1.0 - (jnp.minimum(decay, (1.0 + step) / (10.0 + step)) if warmup else decay)
    return _averages_moved(state, rate, learning)


def _with_epochs_end(state: TrainState, rate: jax.Array, learning: Learning) -> TrainState:
    """The state with its weights in the average, where they have a share of it."""

    def moved(state: TrainState) -> TrainState:
        return _averages_moved(state, rate, learning)

    # A pass over the parameters at the ends of epochs alone.
    return jax.lax.cond(rate > 0, moved, lambda state: state, state)


def _averages_moved(state: TrainState, rate: Any, learning: Learning) -> TrainState:
    def averaged(split: Callable[[Any], tuple[Any, Any]], new: Any, old: Any) -> Any:
        moving, staying = split(new)
        return learning.joined(optax.incremental_update(moving, split(old)[0], rate), staying)

    return state.replace(
        ema_params=averaged(learning.split, state.params, state.ema_params),
        ema_batch_stats=averaged(learning.split_stats, state.batch_stats, state.ema_batch_stats),
    )


def mean_of_mirrored(model: nn.Module) -> Callable[[Variables, jax.Array], jax.Array]:
    """Mean outputs of images [N, H, W, C] and of these mirrored left to right."""

    def outputs(variables: Variables, images: jax.Array) -> jax.Array:
        one: Any = model.apply(variables, images, train=False)
        mirrored: Any = model.apply(variables, images[:, :, ::-1], train=False)
        return (one + mirrored) / 2

    return outputs


def make_eval_step(
    model: nn.Module,
    loss_fn: LossFn,
    *,
    prepare: Prepare,
    labels: Callable[[Batch], Any] = _class_labels,
    metrics: Metrics = CLASSES,
    flip: bool = False,
) -> EvalStep:
    """`step(variables, batch) -> (sums, outputs)`: what the metrics keep of the logits [N, K].

    `batch` has a `weight` per example; the outputs cover those that only fill the batch too. Where
    its images are [N, V, H, W, C], the probabilities of an example's V views are averaged. With
    `flip` the logits are those of `mean_of_mirrored`.
    """
    logits_of = mean_of_mirrored(model) if flip else partial(model.apply, train=False)

    def average_of_views(variables: Variables, views: jax.Array) -> jax.Array:
        def log_probabilities(images: jax.Array) -> jax.Array:
            logits: Any = logits_of(variables, images)
            return jax.nn.log_softmax(logits)

        # One view after the other: a batch takes no more memory than it does without views.
        each = jax.lax.map(log_probabilities, views.swapaxes(0, 1))  # [V, N, K]
        return jax.nn.logsumexp(each, axis=0) - jnp.log(views.shape[1])

    def step(variables: Variables, batch: Batch) -> tuple[Sums, jax.Array]:
        images, targets = prepare(jax.random.key(0), batch)
        if images.ndim == 5:
            logits = average_of_views(variables, images)
        else:
            logits: Any = logits_of(variables, images)
        losses = loss_fn(logits, targets)
        sums = metrics.batch_sums(losses, logits, labels(batch), batch["weight"])
        return sums, metrics.outputs(logits)

    return step
