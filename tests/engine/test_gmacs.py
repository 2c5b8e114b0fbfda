from dataclasses import replace

import pytest

from jaxcnn.data import dataset_spec
from jaxcnn.engine.gmacs import gmacs
from jaxcnn.engine.program import build
from jaxcnn.recipe import recipe_for


def test_work_is_counted_at_the_recipes_own_size_and_classes():
    recipe = replace(recipe_for("linear"), image_size=20)
    program = build(recipe, dataset_spec("digits"), steps_per_epoch=1, total_steps=1)
    assert gmacs(program) == pytest.approx(20 * 20 * 10 / 1e9)
