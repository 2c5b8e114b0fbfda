import os
import signal
import threading
import time

import pytest

from jaxcnn.processes.signals import STOPPING, ends_well
from jaxcnn.processes.stopping import (
    StopRequested,
    end_on_signal,
    in_background,
    left_in_background,
    stop_on_signal,
)


def now(number=signal.SIGTERM):
    os.kill(os.getpid(), number)


def handlers():
    return {number: signal.getsignal(number) for number in STOPPING}


def test_a_signal_sets_the_flag_and_the_next_one_acts_as_by_default():
    before = handlers()
    with end_on_signal(), stop_on_signal() as stop:
        stop.check()
        now()
        with pytest.raises(StopRequested) as request:
            stop.check()
        assert request.value.signal_number == signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        with pytest.raises(KeyboardInterrupt):
            now(signal.SIGINT)
    assert handlers() == before


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_a_lost_terminal_and_a_warning_stop_a_run_and_repeated_do_not_cut_it_short(number):
    # Tests may themselves run under nohup, whose processes take no notice of SIGHUP.
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with end_on_signal(), stop_on_signal() as stop:
            now(number)
            now(number)
            with pytest.raises(StopRequested) as request:
                stop.check()
    finally:
        signal.signal(number, before)
    assert request.value.signal_number == number and ends_well(number)


def test_what_nohup_has_a_process_ignore_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signal() as stop:
            now(signal.SIGHUP)
            stop.check()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_is_done_in_the_background_gives_its_result_or_its_error():
    assert in_background(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        in_background(divmod, 7, 0)
    assert not left_in_background()


def test_a_signal_does_not_wait_for_what_is_done_in_the_background():
    before, go_on = handlers(), threading.Event()
    threading.Timer(0.2, now).start()
    start = time.monotonic()
    with stop_on_signal():
        with pytest.raises(StopRequested):
            in_background(go_on.wait, 60)
        assert time.monotonic() - start < 30
        assert left_in_background()
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert handlers() == before
    go_on.set()


def test_within_the_flags_context_a_signal_between_two_pieces_of_work_sets_the_flag():
    with stop_on_signal() as stop:
        in_background(time.sleep, 0)
        now()
        with pytest.raises(StopRequested):
            stop.check()


def test_in_another_thread_signals_are_left_to_the_main_one():
    before, found = handlers(), []

    def task():
        with stop_on_signal() as stop:
            stop.check()
            found.append(handlers())

    thread = threading.Thread(target=task)
    thread.start()
    thread.join()
    assert found == [before]
