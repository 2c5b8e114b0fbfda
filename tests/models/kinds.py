"""Models to test: one of each kind, and their shapes, without computing anything."""

import functools
import re
from dataclasses import replace

import jax
import jax.numpy as jnp

from jaxcnn.errors import UserError
from jaxcnn.models import create_model, list_models, model_spec
from jaxcnn.models.spec import init_variables

KEY = jax.random.key(0)


@functools.cache
def shapes_of(name, *, size=None, num_classes=None, **overrides):
    """(model, variables' shapes, images' shape) without computing anything.

    Kept, since tracing a deep model takes seconds and several tests look at the same one.
    """
    spec = model_spec(name)
    model = create_model(name, num_classes=num_classes or spec.num_classes, **overrides)
    size = size or (spec.image_size, spec.image_size)
    variables = jax.eval_shape(lambda key: init_variables(model, key, size, spec.channels), KEY)
    return model, variables, jax.ShapeDtypeStruct((1, *size, spec.channels), jnp.float32)


@functools.cache
def smallest_of_each_kind():
    """One name for each Linen module and paper; the other variants differ in numbers only."""
    kinds = {}
    for name in sorted(list_models(), key=lambda name: model_spec(name).num_params):
        kinds.setdefault((type(create_model(name)), model_spec(name).paper), name)
    return sorted(kinds.values())


def fewer_blocks(name, most=1):
    """What makes a model shallow: its stages, and what they differ in, stay."""
    model, fields = create_model(name), {}
    for field in ("stages", "depth", "blocks_per_stage"):
        match getattr(model, field, None):
            case (int(), *_) as blocks:
                fields[field] = tuple(min(count, most) for count in blocks)
            case (_, *_) as rows:
                fields[field] = tuple(replace(row, repeats=min(row.repeats, most)) for row in rows)
            case float():  # Multiplies the blocks of each stage.
                fields[field] = 1.0
            case int() as blocks:  # A depth is tapped by quarters.
                fields[field] = 4 if field == "depth" else min(blocks, most)
    return fields


def one_of_each_structure(make):
    """One name for all whose `make(name)` differ in the numbers of their fields only.

    Not in those that strides and sizes of maps depend on: how large patches are, and whether the
    image can be halved five times.
    """
    structures = {}
    for name in list_models():
        model = make(name)
        numberless = re.sub(r"\b\d+(\.\d+)?\b", "n", repr(model))
        even = model_spec(name).image_size % 2**5 == 0
        structures.setdefault((numberless, getattr(model, "patch", None), even), name)
    return list(structures.values())


def small_size(name, wanted):
    """`wanted`, or for a model that refuses it, the paper's size by twice that."""
    spec = model_spec(name)
    try:
        shapes_of(name, size=wanted, **fewer_blocks(name))
    except UserError:
        return spec.image_size, 2 * spec.image_size
    return wanted
