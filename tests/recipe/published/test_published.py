"""Published recipes: whom they are for, what they are refused on, and the page about them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import jaxcnn
from jaxcnn.data import list_datasets
from jaxcnn.errors import UserError
from jaxcnn.models import list_models, model_spec
from jaxcnn.plan import command as plan
from jaxcnn.recipe import check, from_json, note_of_default, recipe_for, to_json
from jaxcnn.recipe.published import DEFAULT_FOR, PUBLISHED
from jaxcnn.recipe.published.page import table
from jaxcnn.train import command as train
from tests.parity.references import reference_of

PAGE = Path(jaxcnn.__file__).parents[1] / "docs/imagenet.md"
IMAGENET = [name for name, row in PUBLISHED.items() if row.datasets == ("imagenet2012",)]
TRAINED = [(name, arch) for name, row in PUBLISHED.items() for arch in row.sizes]
# The page says why of each.
WITHOUT = [
    "alexnet_2012",
    "convnext_xlarge",
    "convnextv2_*",
    "googlenet_2014",
    "vit_*_384",
    "vit_base_patch16_gap_224",
    "vit_large_patch14_224",
]


@pytest.mark.parametrize(("name", "arch"), TRAINED)
def test_every_recipe_is_valid_and_says_where_it_is_from(name, arch):
    row = PUBLISHED[name]
    for dataset in row.datasets:
        recipe = recipe_for(arch, dataset, recipe=name)
        check(recipe)
        assert recipe.recipe == name
        assert from_json(json.loads(json.dumps(to_json(recipe)))) == recipe
    assert all(url.startswith("https://") for url in row.sources)
    assert all(50 < figure < 100 for figure in row.sizes[arch].top1)
    assert len(row.sizes[arch].top1) <= len(row.datasets)


def test_which_architectures_have_a_recipe_on_imagenet():
    """Those of somebody's: a model of one's own has no source that trained it."""
    others = {name for name in list_models() if reference_of(name)}
    of_photographs = {name for name in others if model_spec(name).image_size > 32}
    without = {name for pattern in WITHOUT for name in list_models(pattern)}
    assert set(DEFAULT_FOR) == of_photographs - without
    for arch in list_models():
        recipe = recipe_for(arch, "imagenet2012")
        check(recipe)
        assert recipe.recipe == DEFAULT_FOR.get(arch)
        assert (note_of_default(recipe) is None) == (arch in DEFAULT_FOR)
        if arch in DEFAULT_FOR:
            assert recipe.resize == "crop" and recipe.augment.flip and recipe.epochs >= 90
    assert note_of_default(recipe_for("googlenet_2014", "image_folder")) is None


def test_the_page_names_every_architecture_without_a_recipe():
    _, _, rest = PAGE.read_text().partition("## Architectures without a recipe\n")
    assert re.findall(r"^\| `([^`]+)`", rest.partition("\n## ")[0], re.MULTILINE) == WITHOUT


def test_an_architecture_without_a_recipe_is_told_of_in_one_line():
    note = note_of_default(recipe_for("convnextv2_tiny", "imagenet2012"))
    assert note.startswith(
        "no published recipe that trains convnextv2_tiny on imagenet2012 from scratch"
    )
    assert "adamw, 30 epochs, batches of 64" in note and "\n" not in note


def test_an_architecture_has_its_own_recipe_on_imagenet():
    assert recipe_for("resnet50", "imagenet2012").recipe == "resnet50_90"
    assert recipe_for("resnet18", "imagenet2012").recipe == "resnet50_90"
    assert recipe_for("efficientnet_b3", "imagenet2012").recipe == "efficientnet_aa_350"
    assert recipe_for("vit_small_patch16_224", "imagenet2012").recipe == "deit_300"
    assert recipe_for("resnet50", "imagenet2012", recipe="rsb_a3").image_size == 160
    assert recipe_for("resnet50", "image_folder").recipe is None


def test_a_familys_recipe_has_each_sizes_own_values():
    recipe = recipe_for("efficientnet_b3", "imagenet2012", recipe="efficientnet_b0_ra")
    assert recipe.image_size == 300 and recipe.model.drop_rate is None
    rates = [
        recipe_for(f"convnext_{size}", "imagenet2012").model.drop_path_rate
        for size in ("tiny", "small", "base", "large")
    ]
    assert rates == [0.1, 0.4, 0.5, 0.5]
    b2 = recipe_for("efficientnet_b2", "imagenet2012")
    assert (b2.batch_size, b2.optim.lr, b2.model.drop_rate) == (256, 0.016, 0.3)


@pytest.mark.parametrize(
    ("arch", "dataset", "recipe", "told"),
    [
        ("resnet50", "digits", "rsb_a1", "photographs of one class each; digits is not that"),
        ("resnet50", "coco", "rsb_a1", "photographs of one class each; coco is not that"),
        ("resnet20", "imagenet2012", "resnet_cifar_164", "is for cifar10 and cifar100; imagenet"),
        ("resnet20", "mnist", "resnet_cifar_164", "is for cifar10 and cifar100; mnist is not"),
        ("lenet5", "cifar10", "lenet5_mnist_5", "is for mnist; cifar10 is not that"),
        ("resnet50", "imagenet2012", "rsb_a4", "did you mean 'rsb_a"),
    ],
)
def test_recipes_are_refused_elsewhere(arch, dataset, recipe, told):
    with pytest.raises(UserError, match=told):
        recipe_for(arch, dataset, recipe=recipe)


@pytest.mark.parametrize("name", IMAGENET)
def test_a_recipe_is_taken_for_an_architecture_that_it_does_not_name(name):
    """At the network's own resolution, where the recipe does not give one to all."""
    arch = "vit_small_patch32_384" if name.startswith("vit_") else "densenet121"
    recipe = recipe_for(arch, "imagenet2012", recipe=name)
    check(recipe)
    assert name in ("resnet50_v2_600", "rsb_a3") or recipe.image_size == model_spec(arch).image_size


def test_every_data_set_that_a_recipe_is_for_is_there():
    assert {name for row in PUBLISHED.values() for name in row.datasets} <= set(list_datasets())


def test_thumbnails_have_recipes_by_name_and_keep_their_own_defaults():
    recipe = recipe_for("resnet20", "cifar100", recipe="resnet_cifar_164")
    assert (recipe.image_size, recipe.resize, recipe.optim.name) == (32, "pad", "sgd")
    assert recipe_for("resnet20", "cifar100").recipe is None
    lenet = recipe_for("lenet5", "mnist", recipe="lenet5_mnist_5")
    assert (lenet.image_size, lenet.resize) == (32, "interpolate")


def test_the_page_has_every_recipe_as_it_is():
    assert table() in PAGE.read_text()


def test_the_flag_picks_the_defaults(capsys):
    """Of 1,281,167 images a tenth is held out."""
    args = ["--arch=linear", "--dataset=imagenet2012", "--data-dir=/nowhere", "--recipe=rsb_a3"]
    args += ["--image-size=32", "--mesh.data=8", "--epochs=2"]
    assert plan.main(args) == 0
    out = capsys.readouterr().out
    assert "training images       1,153,050" in out
    assert "batch                 2,048 = 8 device(s) x 1 part(s) x 256" in out


def test_a_recipe_that_changes_the_network_is_planned_with_that_network(capsys):
    """ViT-S/16 has 22,050,664 parameters; less its positions and token, and with a layer more."""
    args = ["--arch=vit_small_patch16_224", "--recipe=vit_small_90", "--dataset=imagenet2012"]
    args += ["--data-dir=/nowhere", "--image-size=32", "--mesh.data=1", "--batch-size=8"]
    assert plan.main(args) == 0
    params = 22_050_664 - 384 * (14 * 14 + 1) - 384 + (384 + 1) * 384
    assert f"parameters            {params:,}" in capsys.readouterr().out


@pytest.mark.parametrize(("program", "status"), [(plan, 0), (train, 2)])
def test_a_start_says_that_there_is_no_recipe(program, status, capsys, tmp_path, monkeypatch):
    """There is no data to train on, which ends it after that."""
    monkeypatch.chdir(tmp_path)
    args = ["--arch=mlp", "--dataset=imagenet2012", "--data-dir=/nowhere", "--image-size=32"]
    assert program.main(args) == status
    told = "no published recipe that trains mlp on imagenet2012 from scratch"
    assert capsys.readouterr().err.count(told) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", IMAGENET)
def test_every_recipe_fits_sixteen_chips_or_the_plan_says_what_does(name):
    """Compiles for v5e:4x4, minutes for each; $JAXCNN_TPU_PYTHON has jaxcnn's needs and libtpu."""
    python = os.environ.get("JAXCNN_TPU_PYTHON", sys.executable)
    arch = next(iter(PUBLISHED[name].sizes))
    args = [f"--arch={arch}", f"--recipe={name}", "--dataset=imagenet2012", "--data-dir=/nowhere"]
    command = [python, "-m", "jaxcnn.plan", *args, "--topology=v5e:4x4"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if name == "resnet50_goyal_90":  # 8,192 images, of 256 GPUs.
        assert done.returncode == 1 and "--batch-size=7680 does" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert re.search(r"memory of a chip +[\d.]+ GB of 16 GB", done.stdout)
