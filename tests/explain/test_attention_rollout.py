import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.explain import attention_rollout
from jaxcnn.explain.attention_rollout import rollout
from jaxcnn.models import create_model
from jaxcnn.models.spec import init_variables
from tests.explain.networks import Bright


def attention(key, layers=3, heads=2, tokens=5):
    logits = 3 * jax.random.normal(key, (layers, 2, heads, tokens, tokens))
    return list(np.asarray(jax.nn.softmax(logits)))


def test_shares_of_a_token_add_up_to_one():
    shares = np.asarray(rollout(attention(jax.random.key(0))))
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(-1), 1.0, rtol=1e-5)


def test_it_is_the_product_of_layers_with_half_for_the_shortcut():
    weights = attention(jax.random.key(0))
    first, second, third = (0.5 * layer[1].mean(0) + 0.5 * np.eye(5) for layer in weights)
    np.testing.assert_allclose(rollout(weights)[1], third @ second @ first, rtol=1e-5)


def test_a_layer_whose_tokens_see_themselves_alone_changes_nothing():
    alone = jnp.broadcast_to(jnp.eye(5), (2, 2, 5, 5))
    np.testing.assert_allclose(rollout([alone, alone]), alone[0], rtol=1e-6)


def vit(**overrides):
    model = create_model(
        "vit_tiny_patch16_224", num_classes=3, depth=2, patch=4, image_size=16, **overrides
    )
    shapes = jax.eval_shape(lambda key: init_variables(model, key, (16, 16), 3), jax.random.key(1))
    rng = np.random.default_rng(0)
    variables = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype("float32"), shapes)
    return model, variables, jax.random.normal(jax.random.key(0), (2, 8, 16, 3))


@pytest.mark.parametrize(("pool", "first"), [("token", 1), ("mean", 1)])
def test_the_map_has_what_each_patch_gives_to_what_the_head_reads(pool, first):
    model, variables, images = vit(pool=pool, width=24, heads=3)

    @jax.jit
    def both(variables, images):
        _, tapped = model.apply(variables, images, mutable=["attention"])
        return tapped, attention_rollout(model, variables, images)

    tapped, found = both(variables, images)
    weights = [tapped["attention"][f"blocks_{i}"]["attn"]["weights"][0] for i in range(2)]
    assert weights[0].shape == (2, 3, 8 + first, 8 + first)
    shares = np.asarray(rollout(weights))
    rows = shares[:, :1] if pool == "token" else shares[:, first:]
    shares = rows.mean(1)[:, first:].reshape(2, 2, 4)
    np.testing.assert_allclose(found, jax.image.resize(shares, (2, 8, 16), "bilinear"), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("swin_tiny_patch4_window7_224", "no definition for SwinTransformer: between its stages"),
        ("resnet20", "Vision Transformer's attention, and CifarResNet has none"),
    ],
)
def test_what_has_no_attention_of_tokens_by_tokens_is_refused(name, message):
    with pytest.raises(UserError, match=message):
        attention_rollout(create_model(name), {}, jnp.zeros((1, 32, 32, 3)))


def test_another_network_is_refused_by_its_name():
    with pytest.raises(UserError, match="Bright has none"):
        attention_rollout(Bright(), {}, jnp.zeros((1, 8, 8, 1)))
