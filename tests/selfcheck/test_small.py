"""The speed of training from the devices is of whole steps, and a slow GPU is told."""

import jax
import pytest

from jaxcnn.recipe import Recipe
from jaxcnn.selfcheck import small
from jaxcnn.selfcheck.small import GOAL_ON_GPU, check_small, seconds_a_step

RECIPE = Recipe("linear", "mnist", image_size=28, batch_size=16)


@pytest.mark.parametrize("num_runs", [1, 2])
def test_each_dispatch_but_the_first_is_timed(num_runs):
    seconds = seconds_a_step(RECIPE, 3, 64, num_runs)
    assert len(seconds) == 2 and all(each > 0 for each in seconds)


def test_images_per_second_are_of_the_median_step(monkeypatch):
    monkeypatch.setattr(small, "seconds_a_step", lambda *args: [0.004, 0.002, 0.001])
    outcome = check_small(recipe=RECIPE)
    assert outcome.figures["images_per_second"] == 16 / 0.002 and not outcome.notes
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    outcome = check_small(recipe=RECIPE)
    assert outcome.figures["images_per_second_of_4_runs_together"] == 4 * 16 / 0.002
    [note] = outcome.notes
    assert note == f"linear: 8,000 images/s; {GOAL_ON_GPU:,} is the goal"
