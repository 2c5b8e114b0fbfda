"""The stages of every model, by name, with their strides and what the head reads at their end."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax.traverse_util import flatten_dict

import jaxcnn
from jaxcnn.errors import UserError
from jaxcnn.layers.tap import tap
from jaxcnn.models import create_model, model_spec
from jaxcnn.models.spec import init_variables
from jaxcnn.models.tools.features import features
from tests.models.kinds import (
    KEY,
    fewer_blocks,
    one_of_each_structure,
    shapes_of,
    small_size,
    smallest_of_each_kind,
)

# Their convolutions do not pad, so that an image is no multiple of its maps.
UNPADDED = {
    "airbench94": [2, 4, 8],
    "alexnet": [4, 8, 16, 16, 16],
    "alexnet_2012": [4, 8, 16, 16, 16],
    "lenet5": [2, 4],
    "lenet_1989": [2, 4],
}


def shallow(name):
    return create_model(name, **fewer_blocks(name))


def stages_of(model, variables, images):
    return list(jax.eval_shape(partial(features, model), variables, images).values())


@pytest.mark.parametrize("name", one_of_each_structure(shallow))
def test_stages_of_every_model_have_its_strides_and_end_in_what_its_head_reads(name):
    model, variables, images = shapes_of(name, **fewer_blocks(name))
    *maps, pooled = stages_of(model, variables, images)
    assert len({stage.name for stage in maps}) == len(maps)
    pixels = model_spec(name).image_size
    maps = [stage for stage in maps if stage.values.ndim == 4]
    if name in UNPADDED:
        assert [stage.stride for stage in maps] == [(s, s) for s in UNPADDED[name]]
    else:
        for stage in maps:
            assert stage.values.shape[1:3] == tuple(math.ceil(pixels / s) for s in stage.stride)
        strides = [stage.stride for stage in maps]
        assert strides == sorted(strides)

    assert (pooled.name, pooled.stride) == ("pooled", None)
    assert pooled.values.shape == (1, pooled.channels)
    kernels = (leaf.shape for leaf in flatten_dict(variables["params"]).values())
    assert (pooled.channels, model_spec(name).num_classes) in {shape[-2:] for shape in kernels}


@pytest.mark.parametrize("name", smallest_of_each_kind())
def test_of_no_classes_the_pooled_features_are_the_output(name):
    size = (model_spec(name).thumbnail_size,) * 2
    _, variables, images = shapes_of(name, size=size, **fewer_blocks(name))
    backbone = create_model(name, num_classes=0, **fewer_blocks(name))
    output = jax.eval_shape(lambda v, x: backbone.apply(v, x), variables, images)
    assert stages_of(backbone, variables, images)[-1].values.shape == output.shape


@pytest.mark.slow
@pytest.mark.parametrize("name", smallest_of_each_kind())
def test_strides_do_not_depend_on_the_image(name):
    """Neither on a size that they do not divide, nor on its being no square."""
    odd, whole = (
        {stage.name: stage.stride for stage in stages_of(*shapes_of(name, size=size, **shallow))}
        for shallow in [fewer_blocks(name)]
        for size in (small_size(name, (75, 110)), None)
    )
    assert odd == whole


@pytest.mark.parametrize(
    ("name", "size", "fields"),
    [
        ("lenet5", 32, {}),
        ("mlp", 8, {}),
        ("resnet20", 32, {"blocks_per_stage": 1}),
        ("resnetv2_50", 32, {"stages": (1,)}),
        ("alexnet", 63, {"dense": (16, 16)}),
        ("vit_tiny_patch16_224", 32, {"depth": 4, "width": 16, "heads": 2}),
    ],
)
def test_logits_are_the_heads_product_of_the_pooled_features(name, size, fields):
    model = create_model(name, num_classes=5, **fields)
    variables = jax.jit(lambda key: init_variables(model, key, (size, size), 3))(KEY)
    images = jax.random.normal(KEY, (2, size, size, 3))
    pooled = jax.jit(partial(features, model))(variables, images)["pooled"]
    head = variables["params"]["fc8" if name == "alexnet" else "head"]
    kernel = head["kernel"].reshape(-1, 5)
    logits = jax.jit(model.apply)(variables, images)
    scale = np.abs(logits).max()
    assert scale > 0
    np.testing.assert_allclose(
        pooled.values @ kernel + head["bias"], logits, rtol=0, atol=1e-4 * scale
    )


def test_a_map_is_the_image_seen_so_many_pixels_apart():
    """What is bright in the image is bright in each map, at its place divided by the stride."""
    model = create_model("resnet18", num_classes=0, stages=(1, 1, 1, 1))
    variables = jax.jit(lambda key: init_variables(model, key, (64, 96), 3))(KEY)
    # Any weights that let through what is bright, and spread it to all sides alike.
    variables |= {"params": jax.tree.map(jnp.ones_like, variables["params"])}
    images = jnp.zeros((1, 64, 96, 3)).at[:, 32:34, 64:66].set(1.0)
    for stage in jax.jit(partial(features, model))(variables, images).values():
        if stage.stride is None:
            continue
        strength = np.asarray(stage.values[0].sum(-1))
        down, right = np.unravel_index(strength.argmax(), strength.shape)
        assert abs(down * stage.stride[0] - 32) <= stage.stride[0]
        assert abs(right * stage.stride[1] - 64) <= stage.stride[1]


class Net(nn.Module):
    """A map that halves the image, one of a fixed size, and one inside a module of its own."""

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        x = tap(self, "z", nn.Conv(4, (3, 3), 2)(images))
        x = Inner(name="a")(x)
        x = tap(self, "fixed", jax.image.resize(x, (len(x), 3, 3, 4), "linear"))
        return x.mean((1, 2))


class Inner(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return tap(self, "m", nn.Conv(4, (3, 3), (1, 3))(x))


def test_order_and_names_are_the_networks_own_under_jit_too():
    images = jnp.ones((2, 24, 36, 1))
    variables = Net().init(KEY, images)
    expected = [("z", (2, 2), 4), ("a/m", (2, 6), 4), ("fixed", None, 4)]
    for find in (partial(features, Net()), jax.jit(partial(features, Net()))):
        found = find(variables, images)
        assert [(key, stage.stride, stage.channels) for key, stage in found.items()] == expected
        assert [stage.name for stage in found.values()] == list(found)


def test_a_stage_is_a_pytree_of_its_values():
    stages = jaxcnn.features(Net(), Net().init(KEY, jnp.ones((1, 8, 8, 1))), jnp.ones((1, 8, 8, 1)))
    doubled = jax.tree.map(lambda values: 2 * values, stages)
    np.testing.assert_array_equal(doubled["z"].values, 2 * stages["z"].values)
    assert (doubled["z"].name, doubled["z"].stride) == ("z", (2, 2))


def test_images_of_another_rank_are_refused():
    with pytest.raises(UserError, match=r"images are \[N, H, W, C\]; got an array of shape \(8, 8"):
        features(Net(), {}, jnp.ones((8, 8, 3)))
