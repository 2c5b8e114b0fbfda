from dataclasses import fields, replace

import numpy as np
import pytest

from jaxcnn.data import dataset_spec, list_datasets
from jaxcnn.data.augment.aug_mix import AugMix
from jaxcnn.data.augment.augment import Augment
from jaxcnn.data.augment.auto_augment import AutoAugment
from jaxcnn.data.augment.big_vision import BigVisionRandAugment
from jaxcnn.data.augment.blur import GaussianBlur
from jaxcnn.data.augment.chains import eval_transforms, train_transforms
from jaxcnn.data.augment.channels import ToChannels
from jaxcnn.data.augment.color_jitter import ColorJitter
from jaxcnn.data.augment.crop import RandomCrop
from jaxcnn.data.augment.cutout import Cutout
from jaxcnn.data.augment.erasing import RandomErasing, TimmErasing
from jaxcnn.data.augment.flip import HorizontalFlip
from jaxcnn.data.augment.grayscale import Grayscale
from jaxcnn.data.augment.lighting import Lighting
from jaxcnn.data.augment.pad import Pad
from jaxcnn.data.augment.rand_augment import RandAugment
from jaxcnn.data.augment.random_resized_crop import RandomResizedCrop
from jaxcnn.data.augment.registry import register_augmentation
from jaxcnn.data.augment.resize import Resize
from jaxcnn.data.augment.timm_rand_augment import TimmRandAugment
from jaxcnn.data.augment.trivial_augment import TrivialAugmentWide
from jaxcnn.data.augment.warp import Sampling
from jaxcnn.data.loader.pipeline import eval_batches, train_batches
from jaxcnn.data.spec import ArraySource

ONE_SIZE = [name for name in list_datasets() if dataset_spec(name).image_size is not None]


@pytest.mark.parametrize("name", ONE_SIZE)
def test_images_that_fit_need_no_work(name):
    spec = dataset_spec(name)
    size = {"image_size": (spec.image_size, spec.image_size), "channels": spec.channels}
    assert eval_transforms(spec, **size) == ()
    assert train_transforms(spec, Augment(), **size, resize="pad") == ()


@pytest.mark.parametrize("name", ONE_SIZE)
@pytest.mark.parametrize("image_size", [40, (36, 44)])
@pytest.mark.parametrize("resize", ["interpolate", "pad"])
def test_transforms_bring_every_set_to_the_models_input(name, image_size, resize):
    spec = dataset_spec(name)
    shape = (spec.image_size, spec.image_size, spec.channels)
    source = ArraySource(np.full((6, *shape), 200, np.uint8), np.zeros(6, np.int32))
    size = {"image_size": image_size, "channels": 3, "resize": resize}
    augment = Augment(crop_padding=3, flip=spec.flip, erase_probability=0.5, cutout=4)
    train = train_transforms(spec, augment, **size)
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    for batches in (
        train_batches(source, train, batch_size=6, seed=0, stop_step=1),
        eval_batches(source, eval_transforms(spec, **size), batch_size=6),
    ):
        assert next(batches)["image"].shape == (6, height, width, 3)


def test_deterministic_transforms_come_first_and_the_rest_in_the_usual_order():
    spec = dataset_spec("fashion_mnist")
    augment = Augment(crop_padding=2, flip=True, erase_probability=0.25, cutout=8)
    assert train_transforms(spec, augment, image_size=32, channels=3, resize="pad") == (
        Pad((32, 32)),
        ToChannels(3),
        RandomCrop(32, 2),
        HorizontalFlip(),
        RandomErasing(0.25),
        Cutout(8, fill=(73,)),  # 255 times the mean: 0 once normalised.
    )
    assert eval_transforms(spec, image_size=(64, 48), channels=1) == (Resize((64, 48)),)


def test_policy_and_colours_come_after_crop_and_flip_and_before_erasing():
    augment = Augment(
        crop_padding=4,
        flip=True,
        policy="randaugment",
        magnitude=7,
        magnitude_std=0.5,
        num_ops=3,
        color_jitter=0.4,
        lighting=0.1,
        grayscale=0.2,
        blur=0.3,
        erase_probability=0.25,
    )
    assert train_transforms(dataset_spec("cifar10"), augment, image_size=32, channels=3) == (
        RandomCrop(32, 4),
        HorizontalFlip(),
        RandAugment(num_ops=3, magnitude=7, magnitude_std=0.5),
        ColorJitter(0.4, 0.4, 0.4),
        Lighting(0.1),
        Grayscale(0.2),
        GaussianBlur(0.3),
        RandomErasing(0.25),
    )


# What is done elsewhere: by the loader, the feed and the device.
ELSEWHERE = {
    "repeats",
    "progressive_size",
    "progressive_stages",
    "mixup",
    "cutmix",
    "label_smoothing",
}
OTHER = {
    "crop_padding": 4,
    "padding": "reflect",
    "flip": False,
    "flip_alternates": True,
    "policy": "augmix",
    "magnitude": 5,
    "magnitude_std": 0.5,
    "num_ops": 3,
    "interpolation": "bicubic",
    "color_jitter": 0.4,
    "lighting": 0.1,
    "grayscale": 0.2,
    "blur": 0.3,
    "erase_probability": 0.5,
    "erase": "timm",
    "cutout": 8,
    "transforms": "speckle",
}


@pytest.mark.usefixtures("own_names")
@pytest.mark.parametrize("name", [field.name for field in fields(Augment)])
def test_every_field_changes_the_chain_or_is_seen_to_elsewhere(name):
    spec, size = dataset_spec("cifar10"), {"image_size": 32, "channels": 3}
    base = Augment(crop_padding=2, flip=True, policy="randaugment", erase_probability=0.25)
    register_augmentation("speckle")(HorizontalFlip)
    assert (name in OTHER) != (name in ELSEWHERE)
    changed = replace(base, **{name: OTHER.get(name, 0)})
    same = train_transforms(spec, changed, **size) == train_transforms(spec, base, **size)
    assert same == (name in ELSEWHERE)


@pytest.mark.parametrize(
    ("name", "dataset", "expected"),
    [
        ("autoaugment", "cifar10", AutoAugment("cifar10")),
        ("autoaugment", "image_folder", AutoAugment("imagenet")),
        ("trivialaugment", "cifar10", TrivialAugmentWide()),
        ("augmix", "digits", AugMix()),
    ],
)
def test_policies_are_found_by_name(name, dataset, expected):
    spec = dataset_spec(dataset)
    size = {"image_size": 32, "channels": spec.channels, "resize": "crop"}
    transforms = train_transforms(spec, Augment(policy=name), **size)
    assert transforms[1:] == (expected,)
    rng = np.random.default_rng(0)
    image = rng.integers(256, size=(40, 50, spec.channels), dtype=np.uint8)
    for transform in transforms:
        image = transform(image, rng)
    assert image.shape == (32, 32, spec.channels)


def test_interpolation_is_of_crops_and_of_policies():
    spec = dataset_spec("image_folder")
    size = {"image_size": 32, "channels": 3, "resize": "crop"}
    mean = tuple(round(255 * value) for value in spec.mean)
    plain = train_transforms(spec, Augment(policy="randaugment"), **size)
    assert plain == (RandomResizedCrop(32), RandAugment())
    for policy, expected in (
        ("randaugment", RandAugment(sampling=Sampling("bicubic"))),
        ("rand-m9", TimmRandAugment(9, fill=mean, interpolation="bicubic")),
        ("randaugment_big_vision", BigVisionRandAugment(2, 9, Sampling("bicubic", (128,)))),
        ("autoaugment", AutoAugment(sampling=Sampling("bicubic"))),
        ("trivialaugment", TrivialAugmentWide(Sampling("bicubic"))),
        ("augmix", AugMix(sampling=Sampling("bicubic"))),
    ):
        augment = Augment(policy=policy, interpolation="bicubic")
        bicubic = train_transforms(spec, augment, **size)
        assert bicubic == (RandomResizedCrop(32, interpolation="bicubic"), expected)


def test_timms_erasing_has_the_noise_of_the_normalisation():
    spec = dataset_spec("cifar10")
    augment, size = Augment(erase_probability=0.25, erase="timm"), {"image_size": 32, "channels": 3}
    assert train_transforms(spec, augment, **size) == (TimmErasing(0.25, spec.mean, spec.std),)
    weights = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
    erased = train_transforms(spec, augment, **size, normalisation=weights)
    assert erased == (TimmErasing(0.25, *weights),)


def test_lighting_is_refused_where_images_have_no_colours():
    with pytest.raises(ValueError, match="lighting needs images of 3 channels, not 1"):
        train_transforms(dataset_spec("mnist"), Augment(lighting=0.1), image_size=28, channels=1)


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_flip_is_refused_where_it_changes_the_label(name):
    with pytest.raises(ValueError, match=f"horizontal flip changes the label of {name}"):
        train_transforms(dataset_spec(name), Augment(flip=True), image_size=32, channels=1)


def test_what_cannot_be_brought_to_the_models_input_is_refused():
    with pytest.raises(ValueError, match="cannot pad cifar10's 32x32 to 28x28; resize by"):
        eval_transforms(dataset_spec("cifar10"), image_size=28, channels=3, resize="pad")
    with pytest.raises(ValueError, match="cifar10 has 3 channels, not 1; only grey images"):
        eval_transforms(dataset_spec("cifar10"), image_size=32, channels=1)
