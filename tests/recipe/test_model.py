"""Fields of one architecture's module, in a recipe."""

import json
from dataclasses import replace

import pytest

from jaxcnn.engine.program import model_of
from jaxcnn.errors import UserError
from jaxcnn.models.lenet import LeNet
from jaxcnn.recipe import (
    Model,
    Recipe,
    check,
    differences,
    from_json,
    model_overrides,
    recipe_for,
    to_json,
    with_model,
)

RECIPE = Recipe("lenet5")
OWN = with_model(RECIPE, pool=False, maps=[3, 8])


def test_the_model_is_made_with_them():
    model = model_of(OWN, 10)
    assert isinstance(model, LeNet)
    assert (model.pool, model.maps, model.dense) == (False, (3, 8), (120, 84))


def test_a_field_that_several_have_is_where_it_always_was():
    recipe = with_model(Recipe("vit_tiny_patch16_224"), pool="gap", drop_rate=0.1, depth=2)
    assert recipe.model == Model(pool="gap", drop_rate=0.1, fields={"depth": 2})
    assert with_model(recipe, depth=12, drop_rate=None).model == Model(pool="gap")


def test_they_come_back_from_the_file_and_files_without_them_are_read():
    saved = json.loads(json.dumps(to_json(OWN)))
    assert saved["model"]["fields"] == {"maps": [3, 8], "pool": False}
    assert from_json(saved) == OWN and hash(from_json(saved)) == hash(OWN)
    del saved["model"]["fields"]
    assert from_json(saved) == RECIPE


def test_recipes_differ_in_them_by_their_flags_and_the_architectures_own_value_is_none():
    assert differences(RECIPE, OWN) == [
        "--model.maps: (6, 16) != (3, 8)",
        "--model.pool: True != False",
    ]
    given = replace(RECIPE, model=Model(fields={"pool": True}))
    assert differences(RECIPE, given) == [] == differences(OWN, OWN)


@pytest.mark.parametrize(
    ("arch", "fields", "told"),
    [
        ("lenet5", {"poool": False}, "lenet5 has no poool; did you mean 'pool'?"),
        ("lenet5", {"growth_rate": 3}, "lenet5 has no growth_rate; known: dense, maps, pool"),
        ("resnet18", {"block": "Bottleneck"}, "block of resnet18 is no plain value but a function"),
        ("lenet5", {"pool": 1}, "--model.pool is 1, not true or false"),
        ("lenet5", {"maps": (1, 2, 3)}, "--model.maps is (1, 2, 3), not a list of 2 times"),
        ("lenet5", {"maps": (1.5, 2)}, "--model.maps[0] is 1.5, not a whole number"),
        ("linear", {"hidden": (float("nan"),)}, "not a list of a whole number"),
        ("vgg11", {"drop_rate": 0.1}, "drop_rate is a field of Model itself: Model(drop_rate=0.1)"),
    ],
)
def test_what_the_architecture_cannot_have_is_refused(arch, fields, told):
    with pytest.raises(UserError) as refused:
        check(Recipe(arch, model=Model(fields=fields)))
    assert told in str(refused.value) or "is nan, not a whole number" in str(refused.value)


def test_a_shared_name_of_another_type_is_not_taken_for_it():
    """LeNet's pool is yes or no: ViT's word would be a yes."""
    with pytest.raises(UserError, match="pool of lenet5 is another field than that of Model"):
        check(Recipe("lenet5", model=Model(pool="gap")))
    assert model_overrides(Recipe("vgg11", model=Model(drop_rate=0.0))) == {"drop_rate": 0.0}


def test_a_run_s_own_fields_come_with_its_weights(tmp_path):
    (tmp_path / "recipe.json").write_text(json.dumps(to_json(OWN)))
    assert recipe_for("lenet5", pretrained=str(tmp_path)).model == OWN.model


@pytest.mark.parametrize("value", [LeNet, print, {"a": 1}, [[[[[1]]]]]])
def test_what_is_not_plain_is_refused_at_once(value):
    with pytest.raises(UserError, match="'block' is .* no plain value.*jaxcnn.register_model"):
        Model(fields={"block": value})
