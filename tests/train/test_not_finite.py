"""Each policy for a step that is not finite, by itself; test_survival has runs with such steps."""

import pytest

from jaxcnn.recipe import Recipe
from jaxcnn.run.progress import Progress, Skipped
from jaxcnn.train.not_finite import (
    MOST_ROLLBACKS,
    MOST_SKIPPED_IN_A_ROW,
    Diverged,
    TakenBack,
    at_not_finite,
)


def policy(name):
    return at_not_finite(Recipe("linear", on_nan=name))


def test_to_stop_is_to_end_at_once():
    progress = Progress()
    with pytest.raises(Diverged, match="not finite at step 7"):
        policy("stop")(7, progress)
    assert progress == Progress()


def test_steps_are_left_out_until_too_many_follow_each_other():
    progress, skip = Progress(skipped=Skipped(5, 0)), policy("skip")
    for step in range(1, MOST_SKIPPED_IN_A_ROW):
        assert skip(step, progress).endswith(f"({5 + step} so far)")
    progress.good_step()
    for step in range(20, 19 + MOST_SKIPPED_IN_A_ROW):
        skip(step, progress)
    with pytest.raises(Diverged):
        skip(40, progress)


def test_weights_are_taken_back_until_it_was_too_often():
    progress, roll_back = Progress(), policy("rollback")
    for step in range(1, MOST_ROLLBACKS + 1):
        with pytest.raises(TakenBack) as back:
            roll_back(step, progress)
        assert back.value.step == progress.rollbacks[-1] == step
    with pytest.raises(Diverged, match="step 99"):
        roll_back(99, progress)
