"""What a run that starts from weights does where no flag says otherwise."""

import json
from dataclasses import replace

import huggingface_hub.constants
import pytest

from jaxcnn.data import dataset_spec, list_datasets
from jaxcnn.models import list_models
from jaxcnn.recipe import Model, Recipe, check, from_json, recipe_for, to_json
from jaxcnn.recipe.finetune import LENGTHS, TUNING
from jaxcnn.run.folder import RunFolder
from jaxcnn.train import command as train
from tests.weights.test_sources import hub_cache, state_dict_of

WEIGHTS = "w.safetensors"


def test_every_model_can_be_tuned_on_every_data_set():
    for dataset in list_datasets():
        for arch in list_models():
            recipe = recipe_for(arch, dataset, pretrained=WEIGHTS)
            check(recipe)
            assert recipe.pretrained == WEIGHTS
            assert from_json(json.loads(json.dumps(to_json(recipe)))) == recipe
            assert recipe.augment.flip == dataset_spec(dataset).flip


def test_every_row_says_where_it_is_from():
    for _, tuning in TUNING:
        assert tuning.sources and all(url.startswith("https://") for url in tuning.sources)


@pytest.mark.parametrize(
    ("arch", "name", "lr", "layer_decay", "clip_norm"),
    [
        ("resnet50", "adamw", 3e-4, None, None),
        ("efficientnet_b0", "adamw", 3e-4, None, None),
        ("vit_base_patch16_224", "sgd", 3e-3, None, 1.0),
        ("swin_tiny_patch4_window7_224", "adamw", 2e-5, None, 5.0),
        ("convnextv2_tiny", "adamw", 5e-5, 0.9, None),
    ],
)
def test_a_family_has_its_own_rate(arch, name, lr, layer_decay, clip_norm):
    optim = recipe_for(arch, "food101", pretrained=WEIGHTS).optim
    assert (optim.name, optim.lr, optim.layer_decay, optim.clip_norm) == (
        name,
        lr,
        layer_decay,
        clip_norm,
    )


@pytest.mark.parametrize("dataset", ["oxford_iiit_pet", "cifar10", "imagenet2012"])
def test_the_number_of_images_decides_how_many_steps_there_are(dataset):
    recipe = recipe_for("resnet50", dataset, pretrained=WEIGHTS)
    num_train = dataset_spec(dataset).num_train
    assert num_train is not None
    length = next(length for length in LENGTHS if num_train < length.most_images)
    steps = recipe.epochs * (num_train // recipe.batch_size)
    assert steps == pytest.approx(length.steps, rel=0.1)
    assert recipe.augment.mixup == (0.0 if num_train < 20_000 else 0.1)


@pytest.mark.parametrize(("number", "finetune"), [(80, "frozen-norms"), (160, "full")])
def test_of_few_pictures_in_small_batches_the_weights_own_statistics_stay(
    monkeypatch, number, finetune
):
    monkeypatch.setattr("jaxcnn.recipe.defaults.num_train_if_small", lambda *args: number)
    recipe = recipe_for("resnet50", "image_folder", "photos", pretrained=WEIGHTS)
    assert (recipe.finetune, recipe.batch_size) == (finetune, number // 10)


def test_thumbnails_are_enlarged_and_photographs_cropped():
    thumbnails = recipe_for("resnet50", "cifar10", pretrained=WEIGHTS)
    assert (thumbnails.image_size, thumbnails.resize) == (224, "interpolate")
    assert thumbnails.augment.crop_padding == 28
    assert thumbnails.model == Model()
    photographs = recipe_for("efficientnet_b3", "food101", pretrained=WEIGHTS)
    assert (photographs.image_size, photographs.resize) == (300, "crop")
    assert recipe_for("resnet50", "coco", pretrained=WEIGHTS).resize == "interpolate"


def test_a_recipe_that_is_named_counts_with_weights_too():
    recipe = recipe_for("resnet50", "imagenet2012", recipe="rsb_a3", pretrained=WEIGHTS)
    assert recipe == replace(
        recipe_for("resnet50", "imagenet2012", recipe="rsb_a3"), pretrained=WEIGHTS
    )


def test_the_size_is_what_weights_on_the_hub_ask_for(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    config = {"pretrained_cfg": {"input_size": [3, 288, 288]}}
    hub_cache(tmp_path, "timm/resnet50.x", config, state_dict_of("lenet5"))
    assert recipe_for("resnet50", "cifar10", pretrained="hf:timm/resnet50.x").image_size == 288
    assert recipe_for("resnet50", "cifar10", pretrained="hf:timm/absent").image_size == 224


def test_size_and_network_are_those_of_the_run_whose_weights_are_taken(tmp_path):
    begun = Recipe("resnet18", "cifar10", image_size=40, model=Model(stem="small", drop_rate=0.1))
    (tmp_path / "recipe.json").write_text(json.dumps(to_json(begun)))
    recipe = recipe_for("resnet18", "cifar100", pretrained=str(tmp_path))
    assert (recipe.image_size, recipe.resize, recipe.model) == (40, "pad", Model(stem="small"))
    (tmp_path / "recipe.json").write_text("{")
    assert recipe_for("resnet18", "cifar100", pretrained=str(tmp_path)).image_size == 224


def test_the_flag_changes_the_defaults_and_flags_change_them(tmp_path):
    args = ["--arch=resnet50", "--dataset=cifar10", f"--pretrained={WEIGHTS}"]
    assert train.parse(args).recipe == recipe_for("resnet50", "cifar10", pretrained=WEIGHTS)
    assert train.parse([*args, "--image-size=96"]).recipe.image_size == 96


def test_the_same_command_goes_on_though_defaults_have_changed(tmp_path, monkeypatch, capsys):
    args = ["--arch=linear", "--steps=1", "--workers=0", "--mesh.data=1", "--no-compilation-cache"]
    args.append(f"--workdir={tmp_path}")
    assert train.main(args) == 0
    begun = RunFolder(tmp_path).read_recipe()

    def later(*of, **others):
        recipe = recipe_for(*of, **others)
        return replace(recipe, optim=replace(recipe.optim, lr=0.5), batch_size=32)

    monkeypatch.setattr("jaxcnn.recipe.flags.recipe_for", later)
    capsys.readouterr()
    for again in (args, [*args, "--checkpoint-every-steps=5"]):
        assert train.main(again) == 0
        assert RunFolder(tmp_path).read_recipe() == begun
    assert train.main([*args, "--seed=1"]) == 2
    assert "another recipe (--seed: 0 != 1); give the same flags" in capsys.readouterr().err
    assert train.main(args[1:] + args[:1]) == 2
    assert "--batch-size: 128 != 32; --optim.lr: 0.001 != 0.5" in capsys.readouterr().err
