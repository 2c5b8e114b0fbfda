"""Training batches as the numbers that tell them, for a set whose images lie on the devices.

What `pipeline.train_batches` makes of a batch is a function of its examples and of the random
numbers that its transforms draw. Here are these alone, for many steps at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from jaxcnn.data.augment.transform import Drawn
from jaxcnn.data.order import BatchRng, ExampleRng, Redrawn, TrainOrder

Numbers = dict[str, np.ndarray]


@dataclass(frozen=True)
class DrawnBatches:
    """What each step takes of a training set, and draws for it.

    Args:
        order: which examples.
        transforms: what is done to them, in turn.
        size: height and width of the images, in pixels; no transform changes them.
        rows: of a global batch, those of this process.
    """

    order: TrainOrder
    transforms: tuple[Drawn, ...]
    size: tuple[int, int]
    rows: slice

    def __call__(self, start: int, stop: int) -> Numbers:
        """Of the batches start <= k < stop, int32 [stop - start, b] each: `example`, and by their
        names the numbers that the transforms draw."""
        parts = []
        for epoch, steps in groupby(map(self.order, range(start, stop)), lambda step: step[0]):
            of_steps = [(examples[self.rows], repeats[self.rows]) for _, examples, repeats in steps]
            examples, repeats = (np.concatenate(each) for each in zip(*of_steps, strict=True))
            parts.append({"example": examples, **self._drawn(epoch, examples, repeats)})
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return {
            name: values.reshape(stop - start, -1).astype(np.int32)
            for name, values in joined.items()
        }

    def _drawn(self, epoch: int, examples: np.ndarray, repeats: np.ndarray) -> Mapping[str, Any]:
        if not self.transforms:
            return {}
        seed = self.order.seed
        try:
            return self._numbers(BatchRng(seed, epoch, examples, repeats))
        except Redrawn:  # Once in some thousand epochs: example by example, then.
            rng = ExampleRng(seed, epoch)
            pairs = zip(examples.tolist(), repeats.tolist(), strict=True)
            each = [self._numbers(rng(example, repeat)) for example, repeat in pairs]
            return {name: np.array([drawn[name] for drawn in each]) for name in each[0]}

    def _numbers(self, rng: BatchRng | np.random.Generator) -> dict[str, Any]:
        numbers: dict[str, Any] = {}
        for transform in self.transforms:
            numbers.update(transform.draw(self.size, rng))
        return numbers
