import json
from dataclasses import replace

import pytest

from jaxcnn.data import dataset_spec, list_datasets
from jaxcnn.errors import UserError
from jaxcnn.models import list_models
from jaxcnn.recipe import (
    Augment,
    Mesh,
    Model,
    Optim,
    Recipe,
    Schedule,
    check,
    differences,
    from_json,
    recipe_for,
    small_batch,
    to_json,
)


@pytest.mark.parametrize("dataset", list_datasets())
@pytest.mark.parametrize("arch", list_models())
def test_every_model_has_a_valid_recipe_on_every_data_set(arch, dataset):
    recipe = recipe_for(arch, dataset)
    check(recipe)
    assert from_json(json.loads(json.dumps(to_json(recipe)))) == recipe


@pytest.mark.parametrize("dataset", ["digits", "mnist"])
def test_digits_are_never_mirrored(dataset):
    assert not any(recipe_for(arch, dataset).augment.flip for arch in list_models())


def test_differences_name_the_flags_that_change_the_result():
    one = Recipe("lenet5", optim=Optim(lr=0.1))
    other = replace(one, seed=1, optim=Optim(lr=0.2), data_dir="elsewhere", mesh=Mesh(fsdp=2))
    assert differences(one, other) == ["--seed: 0 != 1", "--optim.lr: 0.1 != 0.2"]


def test_differences_are_spelt_as_flags_are_typed():
    one = Recipe("lenet5", batch_size=8, checkpoint_every_steps=5, optim=Optim(weight_decay=0.0))
    other = replace(one, batch_size=9, checkpoint_every_steps=6, optim=Optim(weight_decay=0.5))
    assert differences(one, other) == ["--batch-size: 8 != 9", "--optim.weight-decay: 0.0 != 0.5"]


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe("lenet5", epochs=0), "--epochs=0 is out of range; it must be above 0"),
        (Recipe("lenet5", steps=-3), "--steps=-3"),
        (Recipe("lenet5", batch_size=0), "--batch-size=0"),
        (Recipe("lenet5", optim=Optim(lr=-1.0)), "--optim.lr=-1.0"),
        (Recipe("lenet5", optim=Optim(lr=float("nan"))), "--optim.lr=nan"),
        (Recipe("lenet5", optim=Optim(ema_decay=1.5)), "--optim.ema-decay=1.5"),
        (Recipe("lenet5", augment=Augment(mixup=-0.1)), "--augment.mixup=-0.1"),
        (Recipe("lenet5", augment=Augment(label_smoothing=2)), "--augment.label-smoothing=2"),
        (Recipe("lenet5", augment=Augment(magnitude=31)), "--augment.magnitude=31 is out of"),
        (Recipe("lenet5", augment=Augment(magnitude_std=-1.0)), "--augment.magnitude-std=-1.0"),
        (Recipe("lenet5", augment=Augment(num_ops=0)), "--augment.num-ops=0"),
        (Recipe("lenet5", augment=Augment(repeats=0)), "--augment.repeats=0"),
        (Recipe("lenet5", augment=Augment(color_jitter=-0.4)), "--augment.color-jitter=-0.4"),
        (Recipe("lenet5", augment=Augment(lighting=-0.1)), "--augment.lighting=-0.1"),
        (Recipe("lenet5", augment=Augment(grayscale=1.1)), "--augment.grayscale=1.1"),
        (Recipe("lenet5", augment=Augment(blur=-0.1)), "--augment.blur=-0.1"),
        (Recipe("lenet5", seed=-1), "--seed=-1 is out of range; it must be 0 to 92233720368547758"),
        (Recipe("lenet5", seed=2**63), "--seed=9223372036854775808 is out of range"),
    ],
)
def test_values_that_cannot_work_are_refused_by_flag(recipe, message):
    with pytest.raises(UserError) as error:
        check(recipe)
    assert message in str(error.value)


def test_a_recipe_from_before_a_field_was_there_has_its_default():
    recipe = Recipe("lenet5", augment=Augment(crop_padding=2))
    values = json.loads(json.dumps(to_json(recipe)))
    for name in ("policy", "magnitude", "num_ops", "color_jitter", "repeats"):
        del values["augment"][name]
    assert from_json(values) == recipe


def test_a_recipe_with_unknown_fields_is_refused():
    with pytest.raises(UserError, match="not a recipe of this version"):
        from_json({**to_json(Recipe("lenet5")), "nonsense": 1})


def test_a_recipe_from_before_a_field_existed_has_its_default():
    recipe = Recipe("lenet5", seed=4)
    old = to_json(recipe)
    for field in ("sampling", "class_weights", "on_error"):
        del old[field]
    assert from_json(old) == recipe
    assert differences(from_json(old), recipe) == []


@pytest.mark.parametrize(
    ("num_train", "batch_size"),
    [(3, 3), (20, 4), (57, 4), (80, 8), (159, 8), (160, 16), (639, 32), (640, 64), (10**6, 64)],
)
def test_a_small_set_has_ten_steps_an_epoch_where_batches_of_four_leave_them(num_train, batch_size):
    assert small_batch(num_train, most=64) == batch_size
    assert num_train // batch_size >= 10 or batch_size <= 4


def test_a_folder_of_few_pictures_gets_a_batch_that_it_fills(tmp_path):
    """28 pictures: 20 to train on, or about that."""
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(14):
            (tmp_path / name / f"{number}.png").touch()
    assert recipe_for("resnet18", "image_folder", str(tmp_path)).batch_size == 4
    assert recipe_for("resnet18", "image_folder").batch_size == 64
    assert recipe_for("resnet18", "image_folder", "/nowhere").batch_size == 64


def test_a_large_folder_is_not_listed(tmp_path, monkeypatch):
    monkeypatch.setattr("jaxcnn.data.sources.small.MOST_FILES", 3)
    monkeypatch.setattr("jaxcnn.data.sources.small.load_split", None)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(2):
            (tmp_path / name / f"{number}.png").touch()
    assert recipe_for("resnet18", "image_folder", str(tmp_path)).batch_size == 64


def test_making_up_for_small_classes_twice_is_refused():
    with pytest.raises(UserError, match="--sampling=balanced and --class-weights=effective"):
        check(Recipe("lenet5", sampling="balanced", class_weights="effective"))


@pytest.mark.parametrize(
    ("optim", "schedule", "told"),
    [
        (Optim("lamb", nesterov=False), Schedule(), "--optim.nesterov is of sgd; lamb does not"),
        (Optim("adamw", adam_lr=0.1), Schedule(), "--optim.adam-lr is of muon; adamw does not"),
        (Optim("sgd", betas=(0.9, 0.9)), Schedule(), "--optim.betas is of adamw, lamb, lion; sgd"),
        (Optim("lion", eps=1e-3), Schedule(), "--optim.eps is of adamw, lamb, rmsprop; lion"),
        (Optim(), Schedule("step", min_lr=1e-6), "--schedule.min-lr is of cosine, linear; step"),
        (Optim(lr=0.1), Schedule(min_lr=0.2), "min-lr=0.2 is above the peak rate"),
        (Optim("adamw", betas=(0.9, 1.0)), Schedule(), "must be 0 or more and below 1"),
    ],
)
def test_a_flag_that_would_count_for_nothing_is_refused(optim, schedule, told):
    with pytest.raises(UserError, match=told):
        check(Recipe("linear", optim=optim, schedule=schedule))


def test_a_run_of_before_the_threshold_keeps_the_one_it_had():
    values = to_json(Recipe("linear", loss="bce", bce_threshold=0.2))
    del values["bce_threshold"]
    assert from_json(values).bce_threshold == 0.2


def test_a_run_of_before_muons_own_rate_keeps_the_one_it_had():
    values = to_json(Recipe("resnet20", optim=Optim("muon", lr=0.02, momentum=0.9)))
    del values["optim"]["adam_lr"]
    assert from_json(values).optim == Optim("muon", lr=0.02, adam_lr=0.02, momentum=0.9)


def test_a_run_of_before_momentums_own_defaults_is_one_that_gives_none():
    values = to_json(Recipe("linear", optim=Optim("sgd", momentum=0.9)))
    del values["optim"]["adam_lr"]
    assert from_json(values) == Recipe("linear", optim=Optim("sgd"))
    assert from_json(to_json(Recipe("linear", optim=Optim("sgd", momentum=0.9)))) != from_json(
        values
    )


@pytest.mark.parametrize("arch", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def test_a_transformer_of_before_proj_drop_rate_drops_where_it_did(arch):
    values = to_json(Recipe(arch, model=Model(drop_rate=0.1)))
    for name in ("pos_drop_rate", "proj_drop_rate", "attn_drop_rate"):
        del values["model"][name]
    assert from_json(values).model == Model(pos_drop_rate=0.1, proj_drop_rate=0.1)
    assert from_json({**values, "arch": "vgg16"}).model == Model(drop_rate=0.1)


@pytest.mark.parametrize("arch", ["lenet5", "resnet20"])
def test_a_row_has_the_recipe_of_its_name(arch):
    for name in ("digits", "cifar10"):
        assert recipe_for(arch, dataset_spec(name)) == recipe_for(arch, name)
