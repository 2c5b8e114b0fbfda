"""Each field has a range, or something else that says which values it may have."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

from jaxcnn.errors import UserError
from jaxcnn.ranges import ranges_of
from jaxcnn.recipe import Augment, Mesh, Model, Optim, Recipe, Schedule, check

# Fields whose values depend on something else than themselves, and what refuses them.
ELSEWHERE = {
    "augment.progressive_size": "--image-size bounds it: `check`",
    "mesh.data": "the devices there are bound it: `make_mesh`",
    "augment.policy": "`make_policy`, which reads timm's texts",
    "model.fields": "`check_model` asks the architecture",
    "arch": "`model_spec` knows their names",
    "dataset": "`dataset_at` knows their names",
    "recipe": "`recipe_for` knows their names",
    "data_dir": "a path is what is found there",
    "labels": "a path is what is found there",
    "pretrained": "a path is what is found there",
    "distill": "a path is what is found there",
    "distill_arch": "`model_spec` knows their names",
    "finetune": "`learning_of` knows the network's names",
    "fold": "`read_fold`, which reads it",
    "augment.transforms": "`registered_transforms` knows their names",
}


def fields_of(kind: type, prefix: str = "") -> Iterator[tuple[str, Any, tuple]]:
    """(name, type, ranges)."""
    hints, ranges = get_type_hints(kind), ranges_of(kind)
    for entry in fields(kind):
        if is_dataclass(hints[entry.name]):
            yield from fields_of(hints[entry.name], f"{entry.name}.")
        else:
            yield prefix + entry.name, hints[entry.name], ranges[entry.name]


def is_listed(kind: Any) -> bool:
    """Whether the type itself says all values."""
    if get_origin(kind) in (Union, UnionType):
        return all(map(is_listed, get_args(kind)))
    return get_origin(kind) is Literal or kind in (bool, type(None))


FIELDS = {name: (kind, ranges) for name, kind, ranges in fields_of(Recipe)}


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_has_a_range_or_a_reason_to_have_none(name):
    kind, ranges = FIELDS[name]
    assert [bool(ranges), is_listed(kind), name in ELSEWHERE].count(True) == 1


@pytest.mark.parametrize("name", [name for name, (_, ranges) in FIELDS.items() if ranges])
def test_every_range_is_kept(name):
    """-1 and NaN are in none."""
    group, _, inner = name.rpartition(".")
    recipe = Recipe("lenet5")
    held = getattr(recipe, group) if group else recipe
    flag = name.replace("_", "-")
    for wrong in (-1, float("nan")):
        value = (wrong, wrong) if inner in ("betas", "milestones") else wrong
        changed = replace(held, **{inner: value})
        wrong_recipe = replace(recipe, **{group: changed}) if group else changed
        with pytest.raises(UserError, match=f"--{flag}=.* is out of range; it must be"):
            check(wrong_recipe)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (
            Recipe("lenet5", schedule=Schedule(milestones=(0.5, 2))),
            "--schedule.milestones=(0.5, 2) is out of range; it must be at most 1000 fractions of "
            "the run, between 0 and 1",
        ),
        (Recipe("lenet5", schedule=Schedule(milestones=(0.5,) * 1001)), "0.5, ...) is out of"),
        (Recipe("lenet5", eval_crop=0), "--eval-crop=0 is out of range; it must be above 0"),
        (Recipe("lenet5", eval_crop=1.1), "it must be between 0 and 1"),
        (Recipe("lenet5", image_size=16_385), "--image-size=16385 is out of range; it must be at"),
        (Recipe("lenet5", batch_size=2**21), "it must be at most 1048576"),
        (Recipe("lenet5", workers=1025), "--workers=1025 is out of range; it must be at most 1024"),
        (Recipe("lenet5", augment=Augment(progressive_size=300)), "must be 1 to --image-size=224"),
        (Recipe("lenet5", optim=Optim(betas=(0.9, 1))), "--optim.betas=(0.9, 1) is out of range"),
        (Recipe("lenet5", model=Model(drop_rate=1.5)), "--model.drop-rate=1.5 is out of range"),
        (Recipe("lenet5", mesh=Mesh(fsdp=0)), "--mesh.fsdp=0 is out of range"),
        (
            Recipe("lenet5", augment=Augment(padding="reflect")),
            "--augment.padding=reflect goes with --augment.crop-padding",
        ),
        (
            Recipe("lenet5", augment=Augment(flip_alternates=True)),
            "--augment.flip-alternates goes with --augment.flip",
        ),
        (
            Recipe("lenet5", optim=Optim("sgd", fixed_norm=True)),
            "--optim.fixed-norm is of muon; sgd does not use it",
        ),
        (Recipe("lenet5", augment=Augment(policy="randm9")), "--augment.policy: 'randm9' is no"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(recipe, message):
    with pytest.raises(UserError) as error:
        check(recipe)
    assert message in str(error.value) and len(str(error.value)) < 250
