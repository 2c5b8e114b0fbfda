"""--profile=FIRST:LAST leaves a trace of those steps, or a line that says why there is none."""

import gzip
import io
import json
import re
from contextlib import suppress
from dataclasses import replace

import pytest
from rich.console import Console

from jaxcnn.errors import Interrupted, UserError
from jaxcnn.recipe import Mesh, Recipe
from jaxcnn.train.fit import fit
from jaxcnn.train.step_profile import steps_to_profile
from tests.train.stops import at_look

RECIPE = Recipe(
    "linear", steps=6, batch_size=64, image_size=28, mesh=Mesh(data=1), data_on_device="no"
)


def lines_of(tmp_path, profile, recipe=RECIPE, **options):
    console = Console(file=io.StringIO(), width=1000)
    with suppress(Interrupted):
        fit(recipe, tmp_path, console=console, profile=profile, **options)
    return [line for line in console.file.getvalue().splitlines() if "profile" in line]


def traced_steps(tmp_path):
    (path,) = (tmp_path / "profile").rglob("*.trace.json.gz")
    events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    numbers = {
        event["args"]["step_num"]
        for event in events
        if event.get("name", "").startswith("train") and "step_num" in event.get("args", {})
    }
    return sorted(map(int, numbers))


def test_the_trace_has_the_steps_that_were_asked_for_and_no_others(tmp_path):
    (line,) = lines_of(tmp_path, steps_to_profile("3:4"))
    assert line == f"profiled steps 3 to 4: {tmp_path / 'profile'}"
    assert traced_steps(tmp_path) == [3, 4]


def test_no_step_is_dispatched_with_those_that_are_asked_for(tmp_path):
    """Steps 3 to 5 are one dispatch, known by its first."""
    recipe = replace(RECIPE, data_on_device="yes")
    (line,) = lines_of(tmp_path, steps_to_profile("3:5"), recipe)
    assert line == f"profiled steps 3 to 5: {tmp_path / 'profile'}"
    assert traced_steps(tmp_path) == [3]


def test_a_run_that_ends_sooner_says_that_there_is_no_trace(tmp_path):
    (line,) = lines_of(tmp_path, steps_to_profile("7:9"))
    assert line.startswith("nothing was profiled: steps 7 to 9 were not among")
    assert not (tmp_path / "profile").exists()


def test_a_stop_within_the_steps_leaves_the_trace_so_far(tmp_path):
    (line,) = lines_of(tmp_path, steps_to_profile("2:5"), stop_when_asked=at_look(4))
    assert line.endswith("ends before step 5")
    assert traced_steps(tmp_path) == [2, 3]


def test_a_run_that_goes_on_within_the_steps_says_from_which_on_it_was_profiled(tmp_path):
    lines_of(tmp_path, range(0), stop_when_asked=at_look(4))
    (line,) = lines_of(tmp_path, steps_to_profile("2:5"))
    assert line == f"profiled steps 4 to 5: {tmp_path / 'profile'}"
    assert traced_steps(tmp_path) == [4, 5]


def test_a_profile_changes_no_figure(tmp_path):
    with_it, without = tmp_path / "with", tmp_path / "without"
    lines_of(with_it, steps_to_profile("2:3"))
    lines_of(without, range(0))
    assert _figures(with_it) == _figures(without)


def _figures(folder):
    summary = json.loads((folder / "summary.json").read_text())
    return summary["val"], summary["test"]


@pytest.mark.parametrize("text", ["3", "0:4", "5:4", "a:b", ":", "1:", "-1:3", "1:2:3", "1.5:2"])
def test_what_are_no_two_steps_is_refused(text):
    with pytest.raises(UserError, match=re.escape(f"--profile={text} is not FIRST:LAST")):
        steps_to_profile(text)
