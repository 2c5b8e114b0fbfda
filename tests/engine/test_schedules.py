import pytest

from jaxcnn.engine.schedules import make_schedule
from jaxcnn.recipe import Schedule


def rates(config, steps, peak=0.4):
    schedule = make_schedule(config, peak, steps_per_epoch=10, total_steps=100)
    return [float(schedule(step)) for step in steps]


def test_warmup_grows_from_zero_to_the_peak():
    assert rates(Schedule("constant", warmup_epochs=2), [0, 10, 20, 99]) == pytest.approx(
        [0.0, 0.2, 0.4, 0.4]
    )


def test_cosine_falls_to_zero_at_the_end():
    assert rates(Schedule("cosine"), [0, 50, 100]) == pytest.approx([0.4, 0.2, 0.0])


def test_linear_falls_evenly_from_the_peak_to_the_least():
    config = Schedule("linear", warmup_epochs=2, min_lr=0.1)
    assert rates(config, [10, 20, 60, 100]) == pytest.approx([0.2, 0.4, 0.25, 0.1])


def test_steps_are_fractions_of_the_whole_run_warmup_included():
    config = Schedule("step", warmup_epochs=1, milestones=(0.5, 0.75), factor=0.1)
    assert rates(config, [10, 49, 50, 75]) == pytest.approx([0.4, 0.4, 0.04, 0.004])


def test_exponential_ends_at_the_factor():
    assert rates(Schedule("exponential", factor=0.01), [0, 50, 100]) == pytest.approx(
        [0.4, 0.04, 0.004]
    )


def test_a_warmup_longer_than_the_run_is_cut():
    assert rates(Schedule("cosine", warmup_epochs=50), [0, 50, 99]) == pytest.approx(
        [0.0, 0.2, 0.396]
    )
