from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.models import create_model
from jaxcnn.models.spec import init_variables
from jaxcnn.models.swin import Block, PatchMerging, RelativePositionBias, merge, partition

KEY = jax.random.key(0)
block = partial(
    Block, proj_drop_rate=0.0, attn_drop_rate=0.0, drop_path_rate=0.0, dtype=jnp.float32
)


def test_merge_undoes_partition():
    x = jax.random.normal(KEY, (2, 6, 8, 3))
    windows = partition(x, (3, 4))
    assert windows.shape == (2, 4, 12, 3)
    assert jnp.array_equal(windows[1, 2].reshape(3, 4, 3), x[1, 3:, :4])
    assert jnp.array_equal(merge(windows, (3, 4), (6, 8)), x)


def influenced(module, size, token):
    """[H, W]: which tokens of the output change with one token of the input."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, *size, 32)).astype(np.float32)
    shapes = jax.eval_shape(partial(module.init, train=False), KEY, x)
    variables = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape) / 8, shapes)
    changed = x.copy()
    changed[0, *token] += 1 + np.arange(32)
    apply = jax.jit(partial(module.apply, train=False))
    return np.asarray(apply(variables, x) != apply(variables, changed)).any(-1)[0]


@pytest.mark.parametrize(
    ("size", "shifted", "token", "rows", "columns"),
    [
        ((8, 8), False, (1, 5), slice(0, 4), slice(4, 8)),
        ((8, 8), True, (3, 4), slice(2, 6), slice(2, 6)),
        # The edges are windows of their own: rolled next to each other, but masked.
        ((8, 8), True, (0, 7), slice(0, 2), slice(6, 8)),
        ((8, 8), True, (7, 4), slice(6, 8), slice(2, 6)),
        # A map one window high shifts sideways only; one no larger than the window, not at all.
        ((4, 8), True, (0, 3), slice(0, 4), slice(2, 6)),
        ((3, 8), True, (0, 0), slice(0, 3), slice(0, 2)),
        ((3, 4), True, (0, 0), slice(0, 3), slice(0, 4)),
        # Padded to 8x8.
        ((5, 6), False, (4, 5), slice(4, 5), slice(4, 6)),
    ],
)
def test_a_token_is_seen_in_its_own_window_only(size, shifted, token, rows, columns):
    expected = np.zeros(size, bool)
    expected[rows, columns] = True
    changes = influenced(block(window=4, shifted=shifted), size, token)
    assert np.array_equal(changes, expected)


def test_the_bias_is_the_tables_entry_for_the_offset():
    module = RelativePositionBias(heads=2, window=3)
    variables = module.init(KEY, (3, 3))
    table = variables["params"]["relative_position_bias_table"].reshape(5, 5, 2)
    for window in [(3, 3), (2, 3), (1, 1)]:
        bias = module.apply(variables, window)
        tokens = list(np.ndindex(window))
        assert bias.shape == (2, len(tokens), len(tokens))
        for i, (row, column) in enumerate(tokens):
            for j, (other_row, other_column) in enumerate(tokens):
                entry = table[row - other_row + 2, column - other_column + 2]
                assert jnp.array_equal(bias[:, i, j], entry)


def test_patch_merging_reads_2x2_tokens_and_pads_odd_maps_with_zeros():
    x = jax.random.normal(KEY, (1, 3, 4, 8))
    module = PatchMerging(jnp.float32)
    variables = jax.jit(module.init)(KEY, x)
    y = module.apply(variables, x)
    padded = jnp.pad(x, ((0, 0), (0, 1), (0, 0), (0, 0)))
    assert y.shape == (1, 2, 2, 16)
    np.testing.assert_allclose(y, module.apply(variables, padded), rtol=1e-5, atol=1e-6)
    assert not jnp.allclose(y, module.apply(variables, padded.at[:, 3].set(1.0)), atol=1e-2)


def shapes_at(model, size):
    variables = jax.eval_shape(lambda key: init_variables(model, key, size, 3), KEY)
    return jax.tree.map(lambda leaf: leaf.shape, variables)


@pytest.mark.parametrize("size", [(4, 4), (36, 52), (32, 224)])
def test_parameters_have_the_same_shapes_whatever_the_images(size):
    model = create_model("swin_tiny_patch4_window7_224", stages=(1, 1, 1, 1))
    assert shapes_at(model, size) == shapes_at(model, (224, 224))


def test_what_is_not_whole_patches_is_refused():
    with pytest.raises(UserError, match="multiples of 4; got 224x30"):
        shapes_at(create_model("swin_tiny_patch4_window7_224"), (224, 30))
