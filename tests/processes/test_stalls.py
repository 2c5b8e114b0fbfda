"""Counts of batches that stand still while they differ name the process that is behind."""

import threading

from orbax.checkpoint import multihost

from jaxcnn.processes.stalls import Stalls, reason


class Service:
    """The coordination service of three processes, in one."""

    def __init__(self):
        self.values = {}

    def key_value_set(self, key, value, /, allow_overwrite=False):
        assert allow_overwrite or key not in self.values
        self.values[key] = value

    def key_value_dir_get(self, key, /):
        return [item for item in self.values.items() if item[0].startswith(f"{key}/")]


def behind_at(counts, now, stalls, service):
    """What each process finds at `now`, each having begun so many batches."""
    found = []
    for _ in range(2):  # At the first look those that look later have not told yet.
        found = []
        for process, (each, count) in enumerate(zip(stalls, counts, strict=True)):
            each._begun = count
            found.append(each.behind(service, process, now))
    return found


def three(timeout=10):
    return [Stalls(timeout, end=lambda line: None) for _ in range(3)], Service()


def test_all_name_the_process_that_holds_up_the_others():
    stalls, service = three()
    assert behind_at([5, 4, 6], 100, stalls, service) == [[], [], []]
    assert behind_at([5, 4, 6], 109, stalls, service) == [[], [], []]
    assert behind_at([5, 4, 6], 110, stalls, service) == [[1], [1], [1]]


def test_a_slow_process_is_not_behind_while_any_goes_on():
    stalls, service = three()
    for step in range(10):
        counts = [5 + step, 4, 6]
        assert behind_at(counts, 100 + 9 * step, stalls, service) == [[], [], []]


def test_what_all_are_long_at_is_no_stall():
    stalls, service = three()
    behind_at([5, 5, 5], 0, stalls, service)
    assert behind_at([5, 5, 5], 1e6, stalls, service) == [[], [], []]


def test_the_line_names_one_or_several():
    assert reason([1], 1800).startswith("process 1 lives but began no batch for 1800 s")
    assert reason([1, 3], 0.5).startswith("processes 1, 3 live but began no batch for 0.5 s")


def test_no_thread_is_left_once_stop_returns(monkeypatch):
    # What a thread does at that moment is in C++ and takes a while.
    looked, go_on = threading.Event(), threading.Event()

    def look(self, service, process, now):
        looked.set()
        go_on.wait()
        return []

    monkeypatch.setattr(multihost, "get_jax_distributed_client", Service)
    monkeypatch.setattr(Stalls, "behind", look)
    stalls = Stalls(0.01, end=lambda line: None)
    stalls.begin_batch()
    assert looked.wait(60)
    threading.Timer(0.2, go_on.set).start()
    stalls.stop()
    assert stalls._watching is not None and not stalls._watching.is_alive()


def test_stop_before_any_batch_waits_for_nothing():
    Stalls(1800, end=lambda line: None).stop()
