import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from jaxcnn.errors import Interrupted
from jaxcnn.recipe import Mesh, Recipe
from jaxcnn.train.fit import fit
from tests.train.stops import at_look

RECIPE = Recipe(
    "linear", epochs=9, batch_size=256, image_size=8, mesh=Mesh(data=1), early_stopping=2
)


@pytest.fixture
def first_is_best(monkeypatch):
    """No epoch is better than the first, whatever its figures."""
    # What was kept as the best has its step.
    monkeypatch.setattr(
        "jaxcnn.train.loop.validation_rank", lambda figures: float("step" in figures)
    )


def fitted(recipe, folder, **kwargs):
    console = Console(file=io.StringIO())
    return fit(recipe, folder, console=console, **kwargs), console.file.getvalue()


def test_a_run_ends_after_so_many_epochs_without_a_better_one(tmp_path, first_is_best):
    summary, said = fitted(RECIPE, tmp_path)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]
    assert summary["steps"] == json.loads(lines[-1])["step"]
    assert "stopped early" in said and "no epoch of the last 2 was better" in said
    assert fitted(RECIPE, tmp_path)[0] == summary, "it is over, and not gone on with"


def test_a_run_that_gets_better_has_all_its_epochs(tmp_path, monkeypatch):
    monkeypatch.setattr("jaxcnn.train.loop.validation_rank", lambda figures: 0.0)
    summary, said = fitted(replace(RECIPE, epochs=4), tmp_path)
    assert summary["steps"] == 16 and "stopped early" not in said


@pytest.mark.parametrize("looks", [4, 14, 20])
def test_a_run_that_was_stopped_ends_where_it_would_have(tmp_path, first_is_best, looks):
    """Before an epoch that is no better, after it, and in the test."""
    recipe = replace(RECIPE, data_on_device="no")
    alone = fitted(recipe, tmp_path / "alone")[0]
    with pytest.raises(Interrupted):
        fitted(recipe, tmp_path / "stopped", stop_when_asked=at_look(looks))
    stopped = fitted(recipe, tmp_path / "stopped")[0]
    assert {**stopped, "seconds": 0} == {**alone, "seconds": 0}
