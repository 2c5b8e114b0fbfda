"""What a program gives a run fits together, or is refused in a line."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax import nnx

from jaxcnn.data import dataset_spec
from jaxcnn.data.own import as_dataset
from jaxcnn.data.preprocessing import Preprocessing
from jaxcnn.engine.feed import Feed
from jaxcnn.engine.given import NOTHING, given_to
from jaxcnn.engine.program import build
from jaxcnn.errors import UserError
from jaxcnn.recipe import Augment, Mesh, Optim, Recipe
from jaxcnn.task.classification import Classification

RECIPE = Recipe("lenet5", image_size=8, batch_size=10, mesh=Mesh(data=1), workers=0)
PIXELS = np.random.default_rng(0).integers(0, 255, (60, 8, 8), dtype=np.uint8)
DATA = as_dataset((PIXELS, np.arange(60) % 3), name="three")


class Linear(nn.Module):
    num_classes: int = 3
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, images, *, train=False):
        x = nn.Dense(self.num_classes, dtype=self.dtype)(images.reshape(len(images), -1))
        return x.astype(jnp.float32)


class OfOne(nn.Module):
    """Without fields."""

    @nn.compact
    def __call__(self, images, train):
        return nn.Dense(3)(images.reshape(len(images), -1))


class WithoutTrain(nn.Module):
    def __call__(self, images):
        return images


class Maps(nn.Module):
    def __call__(self, images, train):
        return images


class Bound(nnx.Module):
    pass


def same(image, rng):
    return image


OWN_TASK = Classification(3, Preprocessing((0.5,), (0.5,)))
SMOOTH = replace(RECIPE, augment=Augment(label_smoothing=0.1))


@pytest.mark.parametrize(
    ("recipe", "given", "told"),
    [
        (RECIPE, {"model": Linear}, "model is the class Linear; give Linear"),
        (RECIPE, {"model": Bound()}, "a Bound, an NNX module; give a module of flax.linen"),
        (RECIPE, {"model": WithoutTrain()}, "WithoutTrain.__call__ takes no train"),
        (RECIPE, {"model": Maps()}, r"Maps gives \(1, 8, 8, 1\) .* has to give logits"),
        (RECIPE, {"model": Linear(4)}, "Linear tells 4 classes apart, and three has 3"),
        (replace(RECIPE, precision="bfloat16"), {"model": OfOne()}, "OfOne has no field dtype"),
        (RECIPE, {"task": 5}, "task is 5; give a Task"),
        (RECIPE, {"task": lambda logits, targets: 0}, "a function of logits, targets; of a loss"),
        (RECIPE, {"task": lambda task: None}, "task gives a NoneType"),
        (RECIPE, {"task": Classification}, "task is <class"),
        (SMOOTH, {"task": OWN_TASK}, "label_smoothing=0.1, which a Task of your own does not see"),
        (RECIPE, {"model": Linear(), "task": replace(OWN_TASK, num_outputs=2)}, "task wants 2"),
        (RECIPE, {"transforms": same}, "transforms is one augmentation; give a list"),
        (RECIPE, {"transforms": [same, 5]}, r"transforms\[1\] is 5; give what is called as"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(recipe, given, told):
    with pytest.raises(UserError, match=told) as refused:
        given_to(recipe, data=DATA, **given)
    assert "\n" not in str(refused.value)


def test_a_module_takes_the_architectures_place_and_computes_as_the_recipe_says():
    recipe = replace(RECIPE, precision="bfloat16")
    named, given = given_to(recipe, model=Linear(), data=DATA)
    assert (named.arch, named.dataset, named.model) == ("Linear", "three", Recipe("x").model)
    program = build(named, DATA, steps_per_epoch=1, total_steps=1, given=given)
    assert program.model.dtype == jnp.bfloat16 and program.num_params == 195


def test_a_row_that_has_its_name_for_everyone_is_that_name():
    named, given = given_to(RECIPE, data=dataset_spec("cifar10"))
    assert (named.dataset, given) == ("cifar10", NOTHING)


def test_muon_tells_an_own_modules_head_by_its_field():
    recipe = replace(RECIPE, optim=Optim("muon", lr=0.02))
    for model in (Linear(), OfOne()):
        named, given = given_to(recipe, model=model, data=DATA)
        if isinstance(model, Linear):
            build(named, DATA, steps_per_epoch=1, total_steps=1, given=given)
            continue
        with pytest.raises(UserError, match="no field num_classes, by which its head is told"):
            build(named, DATA, steps_per_epoch=1, total_steps=1, given=given)


def test_own_arrays_lie_on_the_devices_and_own_augmentation_is_the_hosts():
    recipe = replace(RECIPE, data_on_device="yes")
    named, given = given_to(recipe, data=DATA, model=Linear())
    assert Feed(named, given=given).resident is not None
    named, given = given_to(recipe, data=DATA, transforms=[same])
    with pytest.raises(UserError, match="yes: same is done by the host"):
        _ = Feed(named, given=given).resident


def test_own_augmentation_sees_images_as_the_model_does_and_is_a_function_of_its_generator():
    seen = []

    def dark(image, rng):
        seen.append(image.shape)
        image[:] = rng.integers(0, 9)
        return image

    recipe = replace(RECIPE, image_size=12, augment=Augment(crop_padding=2))
    named, given = given_to(recipe, data=DATA, transforms=[dark])
    before = PIXELS.copy()
    batches = [
        [batch["image"] for batch in Feed(named, given=given).train_batches(0, 3)] for _ in range(2)
    ]
    assert set(seen) == {(12, 12, 1)} and np.max(batches[0]) < 9
    np.testing.assert_array_equal(*batches)
    np.testing.assert_array_equal(PIXELS, before)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda image, rng: image / 2, r"<lambda> gives float64 \(8, 8, 1\); .*uint8 \(8, 8, 1\)"),
        (lambda image, rng: image[1:], r"gives uint8 \(7, 8, 1\)"),
        (lambda image, rng: None, "gives NoneType"),
    ],
)
def test_what_an_augmentation_makes_wrongly_is_said_before_the_run(wrong, told):
    named, given = given_to(RECIPE, data=DATA, transforms=[wrong])
    with pytest.raises(UserError, match=told):
        Feed(named, given=given)


def test_a_task_made_of_the_recipes_keeps_its_mixing():
    recipe = replace(RECIPE, augment=Augment(mixup=0.5))
    loss = jax.jit(lambda logits, targets: logits.sum(-1))
    task = lambda task: replace(task, train_loss=loss)  # noqa: E731
    named, given = given_to(recipe, model=Linear(), data=DATA, task=task)
    program = build(named, DATA, steps_per_epoch=1, total_steps=1, given=given)
    assert program.task.train_loss is loss and program.task.mix is not None
