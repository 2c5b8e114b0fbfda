"""What is kept of a run beside its state, in the form that earlier versions wrote."""

import json

import pytest

from jaxcnn.run.progress import Progress, Skipped

BEST = {"step": 4, "top1": 0.5, "loss": 1.5, "n": 180}
# As a version that kept a plain dictionary wrote them: without what never happened.
WRITTEN = [
    ({"epoch_sums": {}, "evaluated_step": 0, "best": None, "seconds": 0.0}, Progress()),
    (
        {"epoch_sums": {"loss": 2.5, "n": 8.0}, "evaluated_step": 4, "best": BEST, "seconds": 1.5,
         "skipped": {"steps": 3, "in_a_row": 1}, "rollbacks": [2, 7]},
        Progress({"loss": 2.5, "n": 8.0}, 4, BEST, 1.5, Skipped(3, 1), [2, 7]),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("values", "progress"), WRITTEN)
def test_progress_is_read_and_written_as_before(values, progress):
    assert Progress.from_json(json.loads(json.dumps(values)) | {"run": "a mark"}) == progress
    assert progress.to_json() == values


def test_what_was_written_does_not_change_with_the_progress():
    progress = Progress({"loss": 1.0}, best=dict(BEST), rollbacks=[1])
    written = progress.to_json()
    progress.epoch_sums["loss"] = 2.0
    progress.best["step"] = 9
    progress.rollbacks.append(2)
    assert (written["epoch_sums"], written["best"], written["rollbacks"]) == (
        {"loss": 1.0},
        BEST,
        [1],
    )


def test_a_good_step_ends_the_row_of_those_left_out_but_not_their_count():
    progress = Progress(skipped=Skipped(3, 2))
    progress.good_step()
    assert progress.skipped == Skipped(3, 0)
    assert progress.left_out() == {"skipped_steps": 3}
    assert Progress().left_out() == {}
