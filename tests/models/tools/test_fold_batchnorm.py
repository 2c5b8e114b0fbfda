import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax.traverse_util import flatten_dict

import jaxcnn
from jaxcnn.layers.conv import Conv
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.layers.remat import call_block
from jaxcnn.models import create_model, model_spec
from jaxcnn.models.spec import init_variables
from jaxcnn.models.tools.fold_batchnorm import fold_batchnorm
from tests.models.kinds import fewer_blocks, shapes_of, smallest_of_each_kind

KEY = jax.random.key(0)
# Those before convolutions, GoogLeNet's of its auxiliary heads, which inference does not run, and
# airbench's after poolings, beside its first layer's statistics.
NORMS_LEFT = {
    "airbench94": 3 + 1,
    "densenet121": 8 + 3 + 1,  # A layer's first, a transition's, the last.
    "densenet_bc_100_k12": 6 + 2 + 1,
    "googlenet": 2,
    "resnetv2_50": 8 + 1,  # A block's first, the last.
}


def trained(shapes, seed=0):
    """Variables as training could leave them: nothing of a BatchNorm is 0 or 1."""
    rng = np.random.default_rng(seed)

    def leaf(path, like):
        match path[-1].key:
            case "scale" | "var":
                return rng.uniform(0.5, 1.5, like.shape).astype(np.float32)
            case "kernel":
                fan_in = np.prod(like.shape[:-1])
                return rng.normal(0, fan_in**-0.5, like.shape).astype(np.float32)
        return rng.normal(0, 0.1, like.shape).astype(np.float32)

    return jax.tree_util.tree_map_with_path(leaf, shapes)


def norms(variables):
    return {path[:-1] for path in flatten_dict(variables["batch_stats"])}


def kinds_with_batchnorm():
    return [
        name
        for name in smallest_of_each_kind()
        if shapes_of(name, **fewer_blocks(name))[1]["batch_stats"]
    ]


@pytest.mark.parametrize("name", kinds_with_batchnorm())
def test_folded_variables_give_the_same_logits(name):
    spec = model_spec(name)
    size = (spec.thumbnail_size, spec.thumbnail_size)
    model, shapes, like = shapes_of(name, size=size, num_classes=10, **fewer_blocks(name, most=2))
    variables = trained(shapes)
    folded = fold_batchnorm(model, variables, like)
    assert len(norms(folded)) == NORMS_LEFT.get(name, 0)
    images = np.random.default_rng(1).normal(size=(2, *like.shape[1:])).astype(np.float32)
    logits = jax.jit(model.apply)
    want, got = logits(variables, images), logits(folded, images)
    np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())


class Network(nn.Module):
    """Convolutions of which a BatchNorm reads the output, alone or not."""

    @nn.compact
    def __call__(self, x, *, train=False):
        norm = BatchNorm(not train, name="bn_of_shared")
        conv = Conv(4, (3, 3), name="shared")
        read_twice = Conv(4, (3, 3), name="read_twice")(x)
        x = BatchNorm(not train, name="bn_of_one_reader")(read_twice) + read_twice
        x = norm(conv(norm(conv(x))))
        x = BatchNorm(not train, name="bn_of_sum")(x + Conv(4, (1, 1), name="added")(x))
        x = BatchNorm(not train, epsilon=0.1, name="bn")(Conv(4, (3, 3), name="conv")(x))
        return call_block(Block(name="block"), x, remat=True).mean((1, 2))


class Block(nn.Module):
    @nn.compact
    def __call__(self, x):
        conv = Conv(8, (3, 3), 2, padding=1, feature_group_count=4, use_bias=False, name="conv")
        return BatchNorm(True, name="bn")(conv(x))


def network():
    images = jax.random.normal(KEY, (2, 6, 6, 4))
    shapes = jax.eval_shape(Network().init, KEY, images)
    return Network(), trained(shapes), images


def test_only_a_convolution_that_one_batchnorm_alone_reads_is_folded():
    model, variables, images = network()
    folded = fold_batchnorm(model, variables, images)
    assert norms(variables) - norms(folded) == {("bn",), ("block", "bn")}
    np.testing.assert_allclose(
        model.apply(folded, images), model.apply(variables, images), rtol=1e-5, atol=1e-5
    )
    before, after = flatten_dict(variables["params"]), flatten_dict(folded["params"])
    same = {path for path in after if path in before and (after[path] == before[path]).all()}
    changed = {("conv", "kernel"), ("conv", "bias"), ("block", "conv", "kernel")}
    assert set(after) - same == changed | {("bn", "folded_bias"), ("block", "bn", "folded_bias")}


def test_variables_that_are_folded_stay_as_they_were():
    model, variables, images = network()
    before = jax.tree.map(np.copy, variables)
    fold_batchnorm(model, variables, images)
    jax.tree.map(np.testing.assert_array_equal, variables, before)


def test_folding_what_is_folded_changes_nothing():
    model, variables, images = network()
    once = fold_batchnorm(model, variables, images)
    twice = fold_batchnorm(model, once, images)
    jax.tree.map(np.testing.assert_array_equal, twice, once)


def test_folding_is_done_in_the_type_that_parameters_have():
    model, variables, images = network()
    folded = fold_batchnorm(model, variables, images)
    assert {leaf.dtype for leaf in jax.tree.leaves(folded)} == {jnp.dtype("float32")}
    half = BatchNorm(True, dtype=jnp.bfloat16)
    folded_bias = {"params": {"folded_bias": jnp.ones(4)}}
    assert half.apply(folded_bias, images.astype(jnp.bfloat16)).dtype == jnp.bfloat16


def test_folded_variables_are_not_trained():
    model, variables, images = network()
    folded = fold_batchnorm(model, variables, images)
    with pytest.raises(ValueError, match="folded variables are for inference"):
        model.apply(folded, images, train=True, mutable=["batch_stats"])


def test_a_model_without_batchnorm_is_left_alone():
    model = create_model("lenet5", num_classes=10)
    variables = init_variables(model, KEY, (32, 32), 1)
    assert jaxcnn.fold_batchnorm(model, variables) is variables
