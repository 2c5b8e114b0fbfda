"""Networks for ImageNet on pictures of 32 pixels: what they see, and what gives them more."""

import json
import math
from dataclasses import asdict
from functools import partial

import jax
import jax.numpy as jnp
import pytest

from jaxcnn.data import dataset_spec
from jaxcnn.data.preprocessing import Preprocessing
from jaxcnn.engine.program import build, model_of
from jaxcnn.errors import UserError
from jaxcnn.evaluate import command as evaluate
from jaxcnn.models import create_model
from jaxcnn.models.spec import ModelSpec, init_variables
from jaxcnn.models.vit import VisionTransformer
from jaxcnn.recipe import Mesh, Model, Recipe, check, recipe_for, thumbnail_cure
from jaxcnn.run.pretrained import Pretrained, overlay, read_pretrained
from jaxcnn.train.fit import fit
from jaxcnn.train.little_seen import little_seen
from jaxcnn.weights.origin import Origin

# As shallow as each may be: a stem is a stem.
CURED = {
    "convnext_tiny": {"stages": (1, 1, 1, 1)},
    "densenet121": {"stages": (1, 1, 1, 1)},
    "efficientnet_lite0": {"depth": 0.1},
    "efficientnetv2_s": {"depth": 0.1},
    "resnet18": {"stages": (1, 1, 1, 1)},
    "resnetv2_50": {"stages": (1, 1, 1, 1)},
    "senet154": {"stages": (1, 1, 1, 1)},
    "swin_tiny_patch4_window7_224": {"stages": (1, 1, 1, 1)},
    "vit_tiny_patch16_224": {"depth": 4},
}


def shapes_of(name, **overrides):
    model = create_model(name, num_classes=10, **overrides)
    return model, jax.eval_shape(lambda: init_variables(model, jax.random.key(0), (32, 32), 3))


def maps_of(name, **overrides):
    model, variables = shapes_of(name, **overrides)
    images = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
    _, taps = jax.eval_shape(lambda v, x: model.apply(v, x, mutable=["stages"]), variables, images)
    maps = {stage: math.prod(values[0].shape[1:3]) for stage, values in taps["stages"].items()}
    return maps["stem"], min(maps.values())


def overrides_of(model):
    return {name: value for name, value in asdict(model).items() if value}


@pytest.mark.parametrize("name", CURED)
def test_the_cure_leaves_a_network_more_of_thumbnails(name):
    cure = overrides_of(thumbnail_cure(name))
    own, cured = maps_of(name, **CURED[name]), maps_of(name, **CURED[name], **cure)
    assert own[0] < 16 or own[1] == 1
    assert cured[0] >= 64 and cured[1] >= 4


@pytest.mark.parametrize(
    ("arch", "dataset", "model", "image_size"),
    [
        ("resnet18", "cifar10", Model(stem="small"), 32),
        ("seresnext50_32x4d", "svhn_cropped", Model(stem="small"), 32),
        ("vit_base_patch32_224", "cifar100", Model(patch=4), 32),
        ("vit_large_patch14_224", "mnist", Model(patch=4), 32),
        ("convnext_tiny", "cifar10", Model(), 32),
        ("resnet20", "cifar10", Model(), 32),
        ("densenet_40_k12", "cifar10", Model(), 32),
        ("vgg11", "cifar10", Model(), 32),
        # Its pictures of 8 pixels are enlarged.
        ("resnet18", "digits", Model(), 32),
        ("vit_tiny_patch16_224", "digits", Model(), 32),
        ("resnet18", "food101", Model(), 224),
    ],
)
def test_small_pictures_get_the_network_that_practice_trains_on_them(
    arch, dataset, model, image_size
):
    recipe = recipe_for(arch, dataset)
    assert (recipe.model, recipe.image_size) == (model, image_size)
    check(recipe)


@pytest.mark.parametrize(
    ("arch", "told"),
    [
        ("resnet18", "leaves a map of 8x8 after its stem and 1x1 at its end; --model.stem=small"),
        ("vit_tiny_patch16_224", "leaves a map of 2x2 after its stem and 2x2 at its end; --model"),
    ],
)
def test_a_network_that_sees_next_to_nothing_is_told_of(arch, told):
    data = dataset_spec("cifar10")

    def line(**changes):
        recipe = Recipe(arch, "cifar10", image_size=32, mesh=Mesh(data=1), **changes)
        return little_seen(recipe, data, build(recipe, data, steps_per_epoch=1, total_steps=1))

    assert told in (line() or "")
    assert line(model=thumbnail_cure(arch)) is None


def test_the_small_stem_changes_one_shape_and_no_name():
    _, own = shapes_of("resnet18")
    _, small = shapes_of("resnet18", stem="small")
    assert small["params"].pop("conv1")["kernel"].shape == (3, 3, 3, 64)
    own["params"].pop("conv1")
    assert small == own


def test_weights_of_another_stem_are_refused_by_name():
    _, own = shapes_of("resnet18")
    _, small = shapes_of("resnet18", stem="small")
    weights = Pretrained("resnet18", own, Preprocessing(), 10, Origin("w.pth", None, {}))
    with pytest.raises(UserError, match="pretrained resnet18 does not fit the model in conv1/kern"):
        overlay(small, weights)


def test_positions_are_learned_for_the_patches_that_there_are():
    recipe = recipe_for("vit_tiny_patch16_224", "cifar10")
    model = model_of(recipe, 10)
    shapes = jax.eval_shape(lambda: init_variables(model, jax.random.key(0), (32, 32), 3))
    assert shapes["params"]["pos_embed"].shape == (1, 1 + 8 * 8, 192)


@pytest.mark.parametrize(
    ("arch", "model", "told"),
    [
        ("vit_tiny_patch16_224", Model(stem="small"), "has no stem; leave --model.stem out"),
        ("resnet20", Model(stem="small"), "resnet20 has no stem; leave --model.stem out"),
        ("resnet18", Model(patch=2), "resnet18 has no patch; leave --model.patch out"),
    ],
)
def test_an_architecture_without_it_is_named(arch, model, told):
    with pytest.raises(UserError, match=told):
        model_of(Recipe(arch, model=model), 10)


def test_what_cannot_be_is_refused():
    with pytest.raises(UserError, match="--model.patch=0 is out of range; it must be above 0"):
        check(Recipe("vit_tiny_patch16_224", model=Model(patch=0)))
    with pytest.raises(UserError, match="stem is 'imagenet' or 'small'; got 'tiny'"):
        shapes_of("resnet18", stem="tiny")


def test_a_runs_own_network_comes_with_its_weights(tmp_path, monkeypatch, capsys):
    make = partial(VisionTransformer, width=8, depth=1, heads=1)
    models = {"vit_mini": ModelSpec(make, 0, 0.0)}
    monkeypatch.setattr("jaxcnn.models.registry._table._all", models)
    recipe = Recipe(
        "vit_mini",
        steps=1,
        image_size=8,
        model=Model(patch=4),
        mesh=Mesh(data=1),
        workers=0,
    )
    summary = fit(recipe, tmp_path)
    assert read_pretrained("vit_mini", str(tmp_path)).overrides == {"patch": 4, "image_size": 8}
    assert recipe_for("vit_mini", pretrained=str(tmp_path)).model == Model(patch=4)
    args = ["--arch=vit_mini", f"--pretrained={tmp_path}", "--dataset=digits", "--split=test"]
    assert evaluate.main(args) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["loss"] == pytest.approx(summary["test"]["loss"], rel=1e-5)
