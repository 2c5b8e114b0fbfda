from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.models import create_model
from jaxcnn.models.spec import init_variables
from jaxcnn.models.vit import VisionTransformer, resample, sincos_positions

KEY = jax.random.key(0)
small = partial(VisionTransformer, num_classes=5, patch=4, width=8, depth=4, heads=2, image_size=16)


def shapes_at(model, size):
    variables = jax.eval_shape(lambda key: init_variables(model, key, size, 3), KEY)
    return jax.tree.map(lambda leaf: leaf.shape, variables)


def random_variables(model):
    """Like trained ones: the initial class token and biases are all but zero."""
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(lambda key: init_variables(model, key, (16, 16), 3), KEY)
    return jax.tree.map(lambda leaf: 0.5 * rng.normal(size=leaf.shape).astype("float32"), shapes)


@pytest.mark.parametrize("pool", ["token", "mean", "gap"])
def test_parameters_have_the_shapes_of_the_models_own_size_whatever_the_images(pool):
    model = create_model("vit_tiny_patch16_224", depth=1, pool=pool)
    shapes = shapes_at(model, (64, 96))
    assert shapes == shapes_at(model, (224, 224))
    class_tokens = 0 if pool == "gap" else 1
    assert shapes["params"]["pos_embed"] == (1, 14 * 14 + class_tokens, 192)
    assert ("cls_token" in shapes["params"]) == (pool != "gap")


@pytest.mark.parametrize("pool", ["token", "gap"])
def test_without_position_embeddings_the_order_of_the_patches_is_nothing(pool):
    model = small(depth=1, pool=pool)
    variables = random_variables(model)
    images = jax.random.normal(KEY, (2, 8, 12, 3))
    shuffled = jnp.concatenate([images[:, :, 8:], images[:, :, :8]], axis=2)
    logits = jax.jit(model.apply)
    assert not np.allclose(logits(variables, images), logits(variables, shuffled), atol=1e-3)
    variables["params"]["pos_embed"] = jnp.zeros_like(variables["params"]["pos_embed"])
    np.testing.assert_allclose(
        logits(variables, images), logits(variables, shuffled), rtol=1e-4, atol=1e-5
    )


def test_resampled_positions_are_where_they_were_in_the_image():
    """Position embeddings that are a ramp over the image stay one at another size."""

    def positions(height, width):
        down, right = ((np.arange(pixels) + 0.5) / pixels for pixels in (height, width))
        return np.stack(np.meshgrid(down, right, indexing="ij"), axis=-1)

    def inside(maps):  # Edge positions have no others on one side.
        return maps[2:-2, 6:-6]

    assert np.array_equal(resample(positions(8, 8), (8, 8)), positions(8, 8))
    wide = resample(positions(8, 8), (8, 24))
    np.testing.assert_allclose(inside(wide), inside(positions(8, 24)), atol=1e-5)


def test_every_patch_of_every_stage_has_a_gradient():
    """Grad-CAM needs it; after the last block patches have none, for the class token is taken."""
    model = small()
    variables = random_variables(model)
    images = jax.random.normal(KEY, (1, 8, 12, 3))

    _, taps = jax.eval_shape(partial(model.apply, mutable=["perturbations"]), variables, images)
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), taps["perturbations"])

    @jax.jit
    @jax.grad
    def gradients(perturbations):
        return model.apply({**variables, "perturbations": perturbations}, images)[0, 0]

    gradients = gradients(zeros)
    assert gradients.pop("pooled").shape == (1, 8)
    assert set(gradients) == {"stem", "stage1", "stage2", "stage3", "stage4"}
    for gradient in gradients.values():
        assert gradient.shape == (1, 2, 3, 8)
        assert jnp.abs(gradient).max(-1).min() > 1e-6


def test_sincos_positions_are_big_visions():
    """As its models/vit.py computes them: the column's waves, then the row's, one by one."""
    height, width, channels = 2, 3, 16
    waves = [10_000 ** -(i / 3) for i in range(4)]
    expected = np.zeros((height, width, channels))
    for y in range(height):
        for x in range(width):
            angles = [at * wave for at in (x, y) for wave in waves]
            rows = np.array([np.sin(angles), np.cos(angles)]).reshape(2, 2, 4)
            expected[y, x] = rows.transpose(1, 0, 2).reshape(-1)
    positions = sincos_positions((height, width), channels)
    np.testing.assert_allclose(positions, expected, atol=1e-6)


@pytest.mark.parametrize("pool", ["token", "gap"])
def test_with_fixed_positions_there_are_none_to_learn_and_the_order_of_the_patches_counts(pool):
    model = small(depth=1, pool=pool, positions="sincos", image_size=16)
    variables = random_variables(model)
    assert "pos_embed" not in variables["params"]
    images = jax.random.normal(KEY, (2, 8, 12, 3))
    shuffled = jnp.concatenate([images[:, :, 8:], images[:, :, :8]], axis=2)
    logits = jax.jit(model.apply)
    assert not np.allclose(logits(variables, images), logits(variables, shuffled), atol=1e-3)


def test_big_visions_head_reads_a_tanh_layer_of_the_patches_mean():
    model = small(depth=1, pool="gap", positions="sincos", pre_logits=True)
    variables = random_variables(model)
    params = variables["params"]
    assert params["pre_logits"]["kernel"].shape == (8, 8) and "cls_token" not in params
    images = jax.random.normal(KEY, (2, 8, 12, 3))
    without = small(depth=1, pool="gap", positions="sincos", num_classes=0)
    features = without.apply(
        {"params": {k: v for k, v in params.items() if k[:3] != "hea"}}, images
    )
    hidden = np.tanh(features @ params["pre_logits"]["kernel"] + params["pre_logits"]["bias"])
    expected = hidden @ params["head"]["kernel"] + params["head"]["bias"]
    np.testing.assert_allclose(model.apply(variables, images), expected, rtol=1e-4, atol=1e-4)


def test_unknown_positions_and_widths_that_they_do_not_fill_are_refused():
    with pytest.raises(UserError, match="positions is 'learned' or 'sincos'; got 'rope'"):
        shapes_at(small(positions="rope"), (16, 16))
    with pytest.raises(UserError, match="a width that is a multiple of 4; got 6"):
        shapes_at(small(positions="sincos", width=6), (16, 16))


def test_an_unknown_pooling_is_refused():
    with pytest.raises(UserError, match="pool is 'token', 'mean' or 'gap'; got 'avg'"):
        shapes_at(small(pool="avg"), (16, 16))


def test_an_image_size_that_is_not_whole_patches_is_refused():
    with pytest.raises(UserError, match="multiples of 4; got 18x18"):
        shapes_at(small(image_size=18), (16, 16))
