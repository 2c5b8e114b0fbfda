"""Which learning rates a recipe may have: a range test, before any run.

Leslie Smith, Cyclical Learning Rates for Training Neural Networks, 2017,
https://arxiv.org/abs/1506.01186, section 3.3; by powers of ten and on the smoothed training loss,
as fastai has it (Howard and Gugger, 2020, https://arxiv.org/abs/2002.04688, section 4.2).
"""

import math
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from jaxcnn.engine.feed import Feed
from jaxcnn.engine.program import build
from jaxcnn.engine.step import STEPS_IN_FLIGHT
from jaxcnn.errors import RunError
from jaxcnn.processes.stopping import StopFlag
from jaxcnn.recipe import Recipe, Schedule
from jaxcnn.run.pretrained import read_pretrained
from jaxcnn.run.teacher import read_teacher
from jaxcnn.train.start import fresh_state
from jaxcnn.train.supply import Supply

LOWEST, HIGHEST, STEPS = 1e-7, 10.0, 200
# Of the average of the losses so far, before its bias is corrected.
DECAY = 0.9
# Of its lowest value: further on there is nothing to learn.
DIVERGED = 4.0
# Steps whose averages are of too few losses.
FIRST = 10


@dataclass(frozen=True)
class RateRange:
    """What a test found.

    Attributes:
        rates: of each step, ascending.
        losses: the training loss of each step's batch.
        smoothed: their exponential average, its bias corrected.
        diverged: whether the test ended since the loss had become several times its lowest, or no
            number.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    diverged: bool

    @property
    def at_minimum(self) -> float:
        """The rate at the lowest smoothed loss."""
        return float(self.rates[FIRST + np.argmin(self.smoothed[FIRST:])])

    @property
    def steepest(self) -> float:
        """The rate at which the smoothed loss falls fastest, by the logarithm of the rate, before
        its minimum."""
        end = FIRST + int(np.argmin(self.smoothed[FIRST:])) + 1
        if end - FIRST < 2:
            return float(self.rates[FIRST])
        slopes = np.gradient(self.smoothed[:end], np.log(self.rates[:end]))
        return float(self.rates[FIRST + np.argmin(slopes[FIRST:])])

    @property
    def suggested(self) -> float:
        """A tenth of the rate at the minimum, to one figure: there the loss still falls, and the
        rate at the minimum is about to be too high."""
        return float(f"{self.at_minimum / 10:.0e}")


def rate_range(
    recipe: Recipe,
    stop: StopFlag,
    *,
    say: Callable[[str], object] = lambda line: None,
) -> RateRange:
    """Trains for at most STEPS steps, at rates that grow from LOWEST to HIGHEST, each by the same
    factor, and keeps nothing of it. Ends where the loss diverges.

    The optimiser is the recipe's, without averages of weights; neither validation nor test split is
    measured.

    Raises UserError where the recipe cannot work; RunError where the loss was never finite;
    StopRequested by the flag.
    """
    recipe = growing(recipe)
    pretrained = preprocessing = None
    if recipe.pretrained is not None:
        pretrained = read_pretrained(recipe.arch, recipe.pretrained)
        preprocessing = pretrained.preprocessing
    feed = Feed(recipe, preprocessing)
    teacher = read_teacher(recipe, feed.spec, feed.input)
    program = build(
        recipe,
        feed.spec,
        preprocessing=feed.input.preprocessing,
        steps_per_epoch=feed.steps_per_epoch,
        total_steps=feed.total_steps,
        class_weights=feed.class_weights,
        resident=feed.resident,
        teacher=teacher and teacher.teacher,
    )
    state = fresh_state(recipe, feed, program, pretrained, say)
    found: list[float] = []
    pending: deque[tuple[int, Any]] = deque()
    batches = Supply(feed, program).training(0, lambda step: step + STEPS_IN_FLIGHT)
    with closing(batches):
        for arrival in batches:
            stop.check()
            state, metrics = program.train(state, arrival.batch, program.step_key)
            pending.append((arrival.steps, metrics))
            del arrival
            while len(pending) > STEPS_IN_FLIGHT:
                found += _losses(*pending.popleft())
            if _has_diverged(found):
                break
    for count, metrics in pending:
        found += _losses(count, metrics)
    losses = np.array(found[: _end(found)])
    if len(losses) <= FIRST:
        raise RunError(
            f"the training loss was finite for {len(losses)} steps only, at rates up to "
            f"{LOWEST * (HIGHEST / LOWEST) ** (len(losses) / STEPS):.2g}: look at the images "
            "(python -m jaxcnn.data.inspect) before the rate"
        )
    rates = np.array([np.asarray(program.schedule(step)).item() for step in range(len(losses))])
    return RateRange(rates, losses, smoothed(losses), diverged=len(losses) < STEPS)


def growing(recipe: Recipe) -> Recipe:
    """The recipe of the test: its rate grows from LOWEST to HIGHEST in STEPS steps."""
    optim = recipe.optim
    adam_lr = optim.adam_lr * LOWEST / optim.lr
    start = replace(optim, lr=LOWEST, adam_lr=adam_lr, ema_decay=None, swa_start=None)
    return replace(
        recipe,
        steps=STEPS,
        optim=start,
        schedule=Schedule(name="exponential", factor=HIGHEST / LOWEST),
        # The smallest images of a run whose images grow are not those that it ends with.
        augment=replace(recipe.augment, progressive_size=None),
        on_nan="stop",
        test=False,
    )


def smoothed(losses: np.ndarray) -> np.ndarray:
    """The exponential average at each step, of the losses so far."""
    averages, average = [], 0.0
    for step, loss in enumerate(losses, start=1):
        average = DECAY * average + (1 - DECAY) * loss
        averages.append(average / (1 - DECAY**step))
    return np.array(averages)


def _losses(count: int, metrics: dict[str, jax.Array]) -> list[float]:
    """Of each of the `count` steps of a dispatch; NaN where loss or gradient was not finite."""
    parts = {name: np.ravel(each)[:count] for name, each in jax.device_get(metrics).items()}
    return np.where(parts["finite"], parts["loss"] / parts["n"], math.nan).tolist()


def _has_diverged(losses: list[float]) -> bool:
    return _end(losses) < len(losses)


def _end(losses: list[float]) -> int:
    """How many of the losses are those of a test: up to where they diverge."""
    finite = next((i for i, loss in enumerate(losses) if not math.isfinite(loss)), len(losses))
    averages = smoothed(np.array(losses[:finite]))
    lowest = np.minimum.accumulate(averages) if finite else averages
    beyond = np.flatnonzero(averages[FIRST:] > DIVERGED * lowest[FIRST:])
    return FIRST + int(beyond[0]) if beyond.size else finite
