"""How fast the input pipeline makes batches, with no model behind it."""

import statistics
import time
from typing import Any

from jaxcnn.engine.feed import Feed
from jaxcnn.recipe import Recipe


def time_input(recipe: Recipe, *, rounds: int, seconds_per_round: float = 1.5) -> dict[str, Any]:
    """Images per second of the recipe's training batches: median over rounds, lowest, highest.

    Raises UserError where the data is missing.
    """
    batches = Feed(recipe).train_batches(0, 1_000_000_000)
    next(batches)
    rates = []
    for _ in range(rounds):
        images, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds_per_round:
            images += len(next(batches)["label"])
        rates.append(images / (time.perf_counter() - start))
    return {
        "arch": recipe.arch,
        "mode": "input",
        "dataset": recipe.dataset,
        "batch_size": recipe.batch_size,
        "image_size": recipe.image_size,
        "ours": {
            "images_per_second": statistics.median(rates),
            "lowest": min(rates),
            "highest": max(rates),
        },
    }
