from dataclasses import replace

import pytest

from jaxcnn.errors import UserError
from jaxcnn.recipe import Recipe
from jaxcnn.recipe.by_name import with_fields
from jaxcnn.sweep.grid import choices, name_of, read_grid


def test_a_grid_is_every_combination_the_last_field_fastest():
    axes = read_grid(["optim.lr=1e-1, 0.05", "model.drop-rate=0,0.2"])
    assert [name_of(choice) for choice in choices(axes)] == [
        "optim.lr=0.1,model.drop_rate=0",
        "optim.lr=0.1,model.drop_rate=0.2",
        "optim.lr=0.05,model.drop_rate=0",
        "optim.lr=0.05,model.drop_rate=0.2",
    ]
    *_, last = choices(axes)
    begun = Recipe("vgg11")
    recipe = with_fields(begun, last)
    assert (recipe.optim.lr, recipe.model.drop_rate) == (0.05, 0.2)
    assert replace(recipe, optim=begun.optim, model=begun.model) == begun


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("epochs=3,4", (3, 4)),
        ("--optim.lr=1,2e-3", (1.0, 0.002)),
        ("optim.nesterov=true,False", (True, False)),
        ("optim.momentum=none,0.9", (None, 0.9)),
        ("optim.name=sgd,adamw", ("sgd", "adamw")),
        ("optim.betas=0.9 0.99,none", ((0.9, 0.99), None)),
        ("schedule.milestones=0.5,0.3 0.6", ((0.5,), (0.3, 0.6))),
        ("workers=auto,2", ("auto", 2)),
        ("class_weights=none,balanced", ("none", "balanced")),
        ("mesh.data=-1", (-1,)),
        ("pretrained=a b.pth,ü", ("a b.pth", "ü")),
    ],
)
def test_values_are_of_the_fields_own_type(word, values):
    axes = read_grid([word])
    (found,) = axes.values()
    assert found == values and list(map(type, found)) == list(map(type, values))


def test_a_field_of_the_architectures_own_is_typed_by_it_and_refused_where_it_is_none():
    axes = read_grid(["model.pool=true,false", "model.maps=3 8,6 16"], "lenet5")
    assert axes == {"model.pool": (True, False), "model.maps": ((3, 8), (6, 16))}
    *_, last = choices(axes)
    assert with_fields(Recipe("lenet5"), last).model.fields == {"pool": False}
    assert name_of(last) == "model.pool=false,model.maps=6_16"
    both = read_grid(["arch=lenet5,vit_tiny_patch16_224", "model.pool=false,gap"])
    assert both["model.pool"] == (False, "gap")
    with pytest.raises(UserError, match="linear has no pool; known: hidden"):
        with_fields(Recipe("linear"), {"model.pool": True})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--grid is empty; give FIELD=V1,V2"),
        (["optim.lr"], "'optim.lr' is not FIELD=V1,V2"),
        (["optim.lr=0.1,", "0.2"], "a value of optim.lr is empty"),
        (["optim.lr=fast"], "optim.lr is 'fast', not a finite number"),
        (["optim.lr=nan"], "optim.lr is 'nan', not a finite number"),
        (["optim.name=sdg"], "optim.name is 'sdg', not sgd or adamw"),
        (["epochs=1.5"], "epochs is '1.5', not a whole number"),
        (["optim.nesterov=1"], "optim.nesterov is '1', not true or false"),
        (["optim.lrr=1"], "did you mean optim.lr?"),
        (["model.maps=1"], "did you mean model.remat?"),
        (["lr=1"], "did you mean optim.lr?"),
        (["batchsize=8"], "did you mean batch_size?"),
        (["nothing-like-it=8"], "a field is called as its flag is"),
        (["seed=1,2"], "give --seeds"),
        (["epochs=1", "epochs=2"], "epochs is there twice"),
        (["optim.lr=0.1,1e-1"], "has a value twice"),
        (["epochs=" + ",".join(map(str, range(1, 1002)))], "1,001 recipes; 1,000 are the most"),
    ],
)
def test_what_is_no_grid_is_refused_with_what_would_be(words, message):
    with pytest.raises(UserError) as refused:
        read_grid(words)
    assert message in str(refused.value) and "\n" not in str(refused.value)


def test_a_name_is_a_folders_and_another_choices_is_another():
    texts = ["a/b", "a b", "../../x", "猫", "a:b", "x" * 500, "x" * 501, "猫" * 300, "\x1b[31m"]
    names = [name_of({"pretrained": text}) for text in texts]
    assert len(set(names)) == len(texts) and "pretrained=猫" in names
    for name in names:
        assert "/" not in name and name.isprintable() and len(name.encode()) < 200
