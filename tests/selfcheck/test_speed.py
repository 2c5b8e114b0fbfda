import signal
import subprocess
import sys
import time

import pytest

from jaxcnn.benchmark.rival import COMPILED, EAGER, PLAIN_FLAX
from jaxcnn.errors import UserError
from jaxcnn.selfcheck import speed
from jaxcnn.selfcheck.limited import limited
from jaxcnn.selfcheck.speed import EXACT, OURS, Entry, check_speed, shortfalls

# Images per second that each side is made to have.
RATES = {OURS: 100.0, EXACT: 90.0, PLAIN_FLAX: 110.0, COMPILED: 95.0, EAGER: 50.0}
SIDES = [Entry(side, "resnet50", 8, "bfloat16") for side in RATES]


class StandIn:
    compile_seconds, peak_bytes = 7.0, 10**9

    def __init__(self, entry):
        self.entry = entry

    def seconds(self, steps):
        return [self.entry.batch_size / RATES[self.entry.side]] * steps

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.fixture(autouse=True)
def with_torch(monkeypatch):
    monkeypatch.setattr(speed, "find_spec", lambda name: name)
    monkeypatch.setattr(speed, "start", lambda entry, until: StandIn(entry))


@pytest.mark.parametrize("on_gpu", [False, True])
def test_every_side_is_timed_and_what_is_slower_is_a_note(on_gpu):
    told = []
    outcome = check_speed(SIDES, seconds=60, on_gpu=on_gpu, peak_flops=1e14, say=told.append)
    rows = {row["side"]: row for row in outcome.figures["rows"]}
    assert {side: row["images_per_second"] for side, row in rows.items()} == pytest.approx(RATES)
    assert rows[OURS]["mfu"] == pytest.approx(100 * 6 * 4.09e9 / 1e14, rel=0.02)
    assert len(told) == len(SIDES)
    assert outcome.failures == ()
    assert set(outcome.notes) == {
        "resnet50, batch 8: 0.91 times as fast as Flax Linen; 1.0 is the goal",
        "resnet50, batch 8: 1.05 times as fast as torch.compile; 1.1 is the goal",
        "resnet50, batch 8: --deterministic costs 10% of the speed; 5% is the goal",
    }


def test_what_reaches_the_goals_is_no_note():
    rows = [
        {
            "side": side,
            "arch": "resnet18",
            "batch_size": 8,
            "images_per_second": rate,
            "compile_seconds": 9.0,
        }
        for side, rate in {OURS: 120.0, EXACT: 118.0, PLAIN_FLAX: 110.0, COMPILED: 100.0}.items()
    ]
    assert list(shortfalls(rows)) == []


def test_our_side_failing_is_a_failure_and_the_rivals_is_not(monkeypatch):
    def start(entry, until):
        raise UserError(f"no {entry.side}")

    monkeypatch.setattr(speed, "start", start)
    outcome = check_speed(SIDES, seconds=60, on_gpu=True, peak_flops=None)
    assert len(outcome.failures) == 2 and all("jaxcnn" in line for line in outcome.failures)
    assert len(outcome.skipped) == 3


def test_without_torch_timm_is_said_to_be_left_out(monkeypatch):
    monkeypatch.setattr(speed, "find_spec", lambda name: None)
    outcome = check_speed(SIDES, seconds=60, on_gpu=True, peak_flops=None)
    assert {row["side"] for row in outcome.figures["rows"]} == {OURS, EXACT, PLAIN_FLAX}
    assert outcome.skipped == ("timm: torch and timm are not installed beside this Python",)


def test_what_there_is_no_time_for_is_named(monkeypatch):
    monkeypatch.undo()
    outcome = check_speed(SIDES[:2], seconds=1, on_gpu=False, peak_flops=None)
    assert outcome.failures == () and outcome.figures["rows"] == []
    assert [line.endswith("no time left") for line in outcome.skipped] == [True, True]


def test_a_command_is_ended_when_its_time_is_up():
    start = time.monotonic()
    command = limited(1, [sys.executable, "-c", "import time; time.sleep(60)"])
    assert subprocess.run(command).returncode == -signal.SIGALRM
    assert time.monotonic() - start < 30


def test_the_most_important_is_timed_first_on_a_gpu():
    first, *_ = entries = speed.full_entries(on_gpu=True)
    assert first == Entry(OURS, "resnet50", 128, "bfloat16")
    assert len(entries) == len(set(entries))
    ours = {entry.arch for entry in entries if entry.side == OURS}
    assert all({e.arch for e in entries if e.side == side} == ours for side in RATES)
