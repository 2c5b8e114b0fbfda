"""A real notebook: what `fit` leaves under its cell."""

import os

import pytest

CELL = """
import jaxcnn
from dataclasses import replace
{before}
recipe = replace(jaxcnn.recipe_for("lenet5", "digits"), epochs=2)
summary = jaxcnn.fit(recipe, {folder!r})
"""


@pytest.mark.slow
@pytest.mark.parametrize("before", ["", "import jax.numpy as jnp; jnp.ones(3) + 1"])
def test_a_notebook_shows_a_bar_and_a_line_an_epoch(tmp_path, monkeypatch, before):
    import nbclient
    import nbformat

    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    cell = nbformat.v4.new_code_cell(CELL.format(before=before, folder=str(tmp_path / "run")))
    nbclient.NotebookClient(nbformat.v4.new_notebook(cells=[cell]), timeout=300).execute()
    assert {output.output_type for output in cell.outputs} == {"display_data"}
    lines = [output.data["text/plain"].strip() for output in cell.outputs]
    off, (bar, begins, workers, first, second, table, finished) = lines[:-7], lines[-7:]
    assert len(off) == bool(before) and all("jaxcnn.set_up()" in line for line in off)
    assert "done" in bar and begins.startswith("lenet5 on digits")
    assert workers.startswith("0 workers: ")
    assert first.startswith("epoch   1/2") and second.startswith("epoch   2/2")
    assert "top-1" in table and finished.startswith("finished")
