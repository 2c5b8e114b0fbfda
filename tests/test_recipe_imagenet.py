"""Published recipes: they can be planned, and the page about them says what they are."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import jaxcnn
from jaxcnn import plan
from jaxcnn.errors import UserError
from jaxcnn.recipe import check, from_json, recipe_for, to_json
from jaxcnn.recipe.imagenet import DEFAULT_FOR, PUBLISHED, table

PAGE = Path(jaxcnn.__file__).parents[1] / "docs/imagenet.md"


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_recipe_is_valid_and_says_where_it_is_from(name):
    published = PUBLISHED[name]
    recipe = recipe_for(published.arch, "imagenet2012", recipe=name)
    check(recipe)
    assert recipe.recipe == name and recipe.resize == "crop" and recipe.augment.flip
    assert from_json(json.loads(json.dumps(to_json(recipe)))) == recipe
    assert all(url.startswith("https://") for url in published.sources)
    assert 70 < published.top1 < 85


def test_an_architecture_has_its_own_recipe_on_imagenet():
    assert recipe_for("resnet50", "imagenet2012").recipe == "resnet50_90"
    assert recipe_for("resnet50", "imagenet2012", recipe="rsb_a3").image_size == 160
    assert recipe_for("resnet50", "image_folder").recipe is None
    assert recipe_for("resnet18", "imagenet2012").recipe is None
    assert {PUBLISHED[name].arch for name in DEFAULT_FOR.values()} == set(DEFAULT_FOR)


def test_recipes_of_imagenet_are_refused_elsewhere():
    with pytest.raises(UserError, match="photographs of one class each; digits is not that"):
        recipe_for("resnet50", "digits", recipe="rsb_a1")
    with pytest.raises(UserError, match="did you mean 'rsb_a"):
        recipe_for("resnet50", "imagenet2012", recipe="rsb_a4")


def test_the_page_has_every_recipe_as_it_is():
    assert table() in PAGE.read_text()


def test_the_flag_picks_the_defaults(capsys):
    """Of 1,281,167 images a tenth is held out."""
    args = ["--arch=linear", "--dataset=imagenet2012", "--data-dir=/nowhere", "--recipe=rsb_a3"]
    args += ["--image-size=32", "--model.drop-path-rate=None", "--mesh.data=8", "--epochs=2"]
    assert plan.main(args) == 0
    out = capsys.readouterr().out
    assert "training images       1,153,050" in out
    assert "batch                 2,048 = 8 device(s) x 1 part(s) x 256" in out


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_every_recipe_fits_sixteen_chips(name):
    """Compiles for v5e:4x4, minutes for each; $JAXCNN_TPU_PYTHON has jaxcnn's needs and libtpu."""
    python = os.environ.get("JAXCNN_TPU_PYTHON", sys.executable)
    arch = PUBLISHED[name].arch
    args = [f"--arch={arch}", f"--recipe={name}", "--dataset=imagenet2012", "--data-dir=/nowhere"]
    command = [python, "-m", "jaxcnn.plan", *args, "--topology=v5e:4x4"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"memory of a chip +[\d.]+ GB of 16 GB", done.stdout)
