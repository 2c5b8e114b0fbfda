"""All checks, in their order: what is right first, then how fast, as long as there is time."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from jaxcnn.selfcheck.ask import ON_CPU, ask
from jaxcnn.selfcheck.outcome import Outcome
from jaxcnn.selfcheck.runs import check_runs
from jaxcnn.selfcheck.speed import check_speed, full_entries, quick_entries
from jaxcnn.selfcheck.starts import check_starts

# What a check that is left this little time would not begin to answer.
FEWEST_SECONDS = 5.0


@dataclass(frozen=True)
class Answer:
    """What a check found, and the seconds that it took."""

    name: str
    outcome: Outcome
    seconds: float


def check_everything(*, full: bool, seconds: float, say: Callable[[str], None]) -> list[Answer]:
    """Runs the checks, each in processes of its own; this one leaves the devices alone.

    Args:
        full: also what takes minutes.
        seconds: how long all may take.
        say: told of each check as it ends.
    """
    until = time.monotonic() + seconds

    def answer(name: str, check: Callable[..., Outcome]) -> Answer:
        began = time.monotonic()
        left = until - began
        if left < FEWEST_SECONDS:
            outcome = Outcome(skipped=(f"{name}: no time left",))
        else:
            outcome = check(seconds=left)
        found = Answer(name, outcome, time.monotonic() - began)
        say(line_of(found))
        return found

    machine = answer("machine", partial(ask, "machine"))
    on_gpu = machine.outcome.figures.get("backend") == "gpu"
    # A GPU takes several processes, and what they do most of the time is compile on the host.
    at_once = 3 if on_gpu else 1
    right = {
        "precision": partial(ask, "precision"),
        "parity": partial(ask, "parity", at_once=4 if on_gpu else 1),
        "runs": check_runs,
    }
    with ThreadPoolExecutor(at_once) as pool:
        found = [machine, *pool.map(answer, right.keys(), right.values())]
    found.append(answer("input", partial(ask, "input", environment=ON_CPU)))
    entries = (full_entries if full else quick_entries)(on_gpu=on_gpu)
    peak = answer("peak", partial(ask, "peak", precision=entries[0].precision))
    found.append(peak)
    if full:
        found.append(answer("starts", partial(check_starts, on_gpu=on_gpu)))
        found.append(answer("small", partial(ask, "small")))
    flops = peak.outcome.figures.get("flops")
    speed = partial(check_speed, entries, on_gpu=on_gpu, peak_flops=flops, say=say)
    found.append(answer("speed", speed))
    return found


def line_of(answer: Answer) -> str:
    outcome = answer.outcome
    verdict = "FAILED" if outcome.failures else "skipped" if not outcome.figures else "fine"
    said = [f"{answer.name}: {verdict}, {answer.seconds:.1f} s"]
    return "\n  ".join([*said, *outcome.failures, *outcome.notes, *outcome.skipped])
