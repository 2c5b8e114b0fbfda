"""What a recipe needs, from shapes alone."""

from dataclasses import replace

import pytest

from jaxcnn.data import dataset_spec
from jaxcnn.engine.program import build
from jaxcnn.errors import UserError
from jaxcnn.plan.estimate import activation_bytes_per_image, examples, memory_per_device
from jaxcnn.recipe import Mesh, recipe_for


def test_the_state_is_shared_over_fsdp_and_activations_over_all_devices():
    data = dataset_spec("digits")

    def memory(mesh):
        recipe = replace(recipe_for("mlp"), batch_size=64, mesh=mesh)
        program = build(recipe, data, steps_per_epoch=1, total_steps=1)
        return memory_per_device(recipe, data, program)

    one, eight = memory(Mesh(data=1)), memory(Mesh(data=1, fsdp=8))
    assert eight.activations == one.activations / 8
    # The kernel of 784 x 300 is split; 8 divides no side of 300 x 100, the rest is too small.
    split, weights = 784 * 300, 266_610
    assert one.parameters == one.gradients == 4 * weights
    assert eight.parameters == eight.gradients == 4 * (weights - split + split // 8)
    assert eight.optimizer_state - 2 * eight.parameters < 100  # Adam's two moments, and counters.


def test_activations_are_what_the_backward_pass_needs():
    """The linear model's gradient needs its flattened input, once."""
    data = dataset_spec("digits")
    recipe = recipe_for("linear")
    program = build(recipe, data, steps_per_epoch=1, total_steps=1)
    pixels = recipe.image_size**2
    assert activation_bytes_per_image(recipe, data, program) == 4 * pixels


def program_of(recipe, data):
    return build(recipe, data, steps_per_epoch=1, total_steps=1)


def test_batches_in_parts_keep_fewer_activations_and_the_gradients_twice():
    data = dataset_spec("digits")
    whole = replace(recipe_for("mlp"), batch_size=64, mesh=Mesh(data=1))
    parts = replace(whole, optim=replace(whole.optim, accumulate_steps=4))
    one, four = (memory_per_device(r, data, program_of(r, data)) for r in (whole, parts))
    assert four.activations == one.activations / 4 and four.gradients == 2 * one.gradients
    assert four.total == sum(vars(four).values())


def test_averages_take_what_the_weights_take():
    data = dataset_spec("digits")
    recipe = replace(recipe_for("mlp"), mesh=Mesh(data=1))
    recipe = replace(recipe, optim=replace(recipe.optim, ema_decay=0.99))
    memory = memory_per_device(recipe, data, program_of(recipe, data))
    assert memory.averages == memory.parameters > 0


ABSENT = replace(recipe_for("lenet5", "cifar10"), data_dir="/nowhere")


def test_examples_are_counted_where_they_are_and_told_by_flags_before():
    digits = recipe_for("lenet5")
    found = examples(digits, num_classes=None, num_train=None)
    assert (found.spec.num_classes, found.num_train) == (10, 1257)
    told = examples(digits, num_classes=7, num_train=5)
    assert (told.spec.num_classes, told.num_train) == (7, 5)


def test_a_set_that_is_not_there_is_its_row_less_the_validation_split():
    assert examples(ABSENT, num_classes=None, num_train=None).num_train == 45_000


@pytest.mark.parametrize(
    ("flags", "missing"),
    [
        ({"num_classes": None, "num_train": 10}, "--num-classes=N"),
        ({"num_classes": 3, "num_train": None}, "--num-train=N"),
    ],
)
def test_what_neither_tells_is_asked_for(flags, missing):
    recipe = replace(ABSENT, dataset="image_folder")
    with pytest.raises(UserError, match=f"is not there to be read; give its {missing}"):
        examples(recipe, **flags)


def test_the_table_row_tells_the_size_of_the_official_training_split():
    assert dataset_spec("cifar10").num_train == 50_000
