import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.layers.attention import ATTENTION, SelfAttention, attend

KEYS = jax.random.split(jax.random.key(0), 4)


def one_head(query, key, value, bias):
    """Attention of [L, D], a token at a time."""
    rows = []
    for i in range(len(query)):
        weights = np.exp([query[i] @ k / np.sqrt(len(k)) for k in key] + bias[i])
        rows.append(weights @ value / weights.sum())
    return np.stack(rows)


def test_attend_weighs_the_values_by_the_softmax_of_scaled_products_and_bias():
    query, key, value = (jax.random.normal(k, (2, 3, 5, 4)) for k in KEYS[:3])
    bias = jax.random.normal(KEYS[3], (3, 5, 5))
    y = attend(query, key, value, bias)
    arrays = [np.asarray(a, np.float64) for a in (query, key, value, bias)]
    query, key, value, bias = arrays
    for n in range(2):
        for head in range(3):
            expected = one_head(query[n, head], key[n, head], value[n, head], bias[head])
            np.testing.assert_allclose(y[n, head], expected, rtol=1e-5, atol=1e-5)


def test_bfloat16_logits_are_not_rounded_before_the_softmax():
    """Two keys whose logits, 128 and 128.25, are one number in bfloat16."""
    query = jnp.full((1, 4), 16.0, jnp.bfloat16)
    key = jnp.asarray([[16.0, 0, 0, 0], [16.0, 0.03125, 0, 0]], jnp.bfloat16)
    value = jnp.asarray([[0.0], [1.0]], jnp.bfloat16)
    y = attend(query, key, value)
    assert y.dtype == jnp.bfloat16
    assert y.item() == pytest.approx(jax.nn.sigmoid(0.25).item(), rel=0.01)


@pytest.mark.parametrize("leading", [(), (2,), (2, 3)])
def test_self_attention_splits_one_dense_layer_into_query_key_value_and_heads(leading):
    """Checked against timm's order: query, key, value, each head by head."""
    heads, tokens, channels = 2, 5, 6
    x = jax.random.normal(KEYS[0], (*leading, tokens, channels))
    module = SelfAttention(heads)
    params = module.init(KEYS[1], x, train=False)["params"]
    params = jax.tree.map(lambda leaf: 0.1 + 20 * leaf, params)
    bias = jax.random.normal(KEYS[2], (heads, tokens, tokens))
    y = module.apply({"params": params}, x, bias, train=False)
    assert y.shape == x.shape

    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    first = np.asarray(x, np.float64).reshape(-1, tokens, channels)[0]
    qkv = first @ params["qkv"]["kernel"] + params["qkv"]["bias"]
    query, key, value = np.split(qkv, 3, axis=1)
    of_head = [slice(0, 3), slice(3, 6)]
    together = [
        one_head(query[:, of], key[:, of], value[:, of], np.asarray(bias[head]))
        for head, of in enumerate(of_head)
    ]
    expected = np.concatenate(together, axis=1) @ params["proj"]["kernel"] + params["proj"]["bias"]
    np.testing.assert_allclose(y.reshape(-1, tokens, channels)[0], expected, rtol=1e-4, atol=1e-4)


def test_the_softmax_can_be_looked_at_and_is_not_computed_twice_nor_kept_if_nobody_does():
    module, x = SelfAttention(heads=2), jax.random.normal(KEYS[0], (3, 5, 6))
    variables = module.init(KEYS[1], x, train=False)
    assert set(variables) == {"params"}
    y, seen = module.apply(variables, x, train=False, mutable=[ATTENTION])
    (weights,) = seen[ATTENTION]["weights"]
    assert weights.shape == (3, 2, 5, 5)
    np.testing.assert_allclose(weights.sum(-1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(y, module.apply(variables, x, train=False))
